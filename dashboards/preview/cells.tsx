// Stand-ins for two panels that @grafana/ui does not have: state timeline and heat map. Axes, grid, fonts and time labels are
// Grafana's (UPlotConfigBuilder of @grafana/ui); the cells are drawn here.
import { dateTime } from '@grafana/data';
import { AxisPlacement, ScaleDirection, ScaleOrientation } from '@grafana/schema';
import { UPlotChart, UPlotConfigBuilder } from '@grafana/ui';
import * as React from 'react';

import { Theme } from './frames';

export type Cell = { from: number; to: number; color: string; text?: string };  // ms
export type Row = { name: string; cells: Cell[] };

type Props = { rows: Row[]; from: number; to: number; width: number; height: number; theme: Theme; fill: number; labels: 'center' | 'edge' };

export function Cells({ rows, from, to, width, height, theme, fill, labels }: Props) {
  const builder = new UPlotConfigBuilder('utc');
  const dpr = window.devicePixelRatio;
  builder.addScale({ scaleKey: 'x', isTime: true, orientation: ScaleOrientation.Horizontal, direction: ScaleDirection.Right, range: () => [from, to] });
  builder.addScale({ scaleKey: 'y', isTime: false, orientation: ScaleOrientation.Vertical, direction: ScaleDirection.Up, range: () => [0, rows.length] });
  builder.addAxis({ scaleKey: 'x', isTime: true, placement: AxisPlacement.Bottom, theme, timeZone: 'utc', grid: { show: labels === 'edge' } });
  const every = Math.max(1, Math.ceil(rows.length / Math.max(1, (height - 40) / 18)));
  const widest = Math.max(...rows.map((row) => row.name.length));
  builder.addAxis({ scaleKey: 'y', placement: AxisPlacement.Left, theme, grid: { show: false }, ticks: { show: false },
                    size: Math.min(width * 0.42, widest * 6.6 + 14),
                    splits: () => rows.map((_, index) => index + (labels === 'center' ? 0.5 : 1)).filter((_, index) => index % every === 0),
                    values: (_: unknown, splits: number[]) => splits.map((at) => rows[Math.round(at - (labels === 'center' ? 0.5 : 1))]?.name ?? '') });
  builder.addSeries({ scaleKey: 'y', theme, show: false } as any);
  builder.addHook('draw', (plot: any) => {
    const context: CanvasRenderingContext2D = plot.ctx;
    context.save();
    context.beginPath();
    context.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    context.clip();
    rows.forEach((row, index) => {
      const top = plot.valToPos(index + 0.5 + fill / 2, 'y', true);
      const bottom = plot.valToPos(index + 0.5 - fill / 2, 'y', true);
      for (const cell of row.cells) {
        const left = plot.valToPos(cell.from, 'x', true);
        const right = plot.valToPos(cell.to, 'x', true);
        context.fillStyle = cell.color;
        context.fillRect(left, top, right - left, bottom - top);
        if (!cell.text) continue;
        context.font = `${12 * dpr}px Inter, sans-serif`;
        context.textAlign = 'center';
        context.textBaseline = 'middle';
        context.fillStyle = theme.colors.getContrastText(cell.color);
        if (context.measureText(cell.text).width < right - left - 8 * dpr) context.fillText(cell.text, (left + right) / 2, (top + bottom) / 2);
      }
    });
    context.restore();
  });
  return <UPlotChart config={builder} data={[[from, to], [0, 0]] as any} width={width} height={height} />;
}

export const clock = (ms: number) => dateTime(ms).format('HH:mm:ss');
