// Draws one dashboard from window.PREVIEW, in the theme and width that the address asks for: ?theme=light&width=390.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';

import { createTheme, dateTime, formattedValueToString, getValueFormat, ThemeContext, TimeRange } from '@grafana/data';
import { BigValue, BigValueColorMode, BigValueGraphMode, BigValueJustifyMode, BigValueTextMode, GlobalStyles, PanelChrome, PortalContainer,
         Table, TimeSeries } from '@grafana/ui';
import { interpolateViridis } from 'd3-scale-chromatic';
import * as React from 'react';
import { createRoot } from 'react-dom/client';

import { Cells, Row } from './cells';
import { Answer, Panel, seriesName, statValue, tableFrame, Theme, timeFrames } from './frames';

type Mark = { time: number; timeEnd: number; color: string };
type Preview = { dashboard: { title: string; panels: Panel[] }; from: number; to: number; step: number; marks: Mark[];
                 answers: Record<number, Answer[]> };

const CELL = 30;
const GAP = 8;
const { dashboard, from, to, step, marks, answers } = (window as any).PREVIEW as Preview;
const address = new URLSearchParams(location.search);
const theme = createTheme({ colors: { mode: address.get('theme') === 'light' ? 'light' : 'dark' } });
const width = Number(address.get('width') ?? window.innerWidth);
const phone = width < 769;  // Grafana stacks panels below this width
const range: TimeRange = { from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } };

const Nothing = ({ panel, height }: { panel: Panel; height: number }) => (
  <div style={{ height, display: 'flex', alignItems: 'center', justifyContent: 'center', color: theme.colors.text.secondary }}>
    {panel.fieldConfig.defaults.noValue ?? 'No data'}
  </div>
);

// Grafana draws annotations with a plugin of its own tree; here: lines, and bars along the bottom.
function drawMarks(builder: any) {
  builder.addHook('draw', (plot: any) => {
    const context: CanvasRenderingContext2D = plot.ctx;
    const { top, height, left } = plot.bbox;
    for (const mark of marks) {
      const color = theme.visualization.getColorByName(mark.color);
      const at = plot.valToPos(mark.time, 'x', true);
      const end = plot.valToPos(mark.timeEnd, 'x', true);
      if (end < left) continue;
      context.save();
      context.strokeStyle = context.fillStyle = color;
      context.setLineDash([4, 4]);
      for (const x of end - at > 2 ? [at, end] : [at]) {
        context.beginPath();
        context.moveTo(x, top);
        context.lineTo(x, top + height);
        context.stroke();
      }
      context.globalAlpha = 0.1;
      context.fillRect(at, top, end - at, height);
      context.globalAlpha = 1;
      context.fillRect(at - 3, top + height, Math.max(6, end - at), 4);
      context.restore();
    }
  });
}

function Series({ panel, width, height }: { panel: Panel; width: number; height: number }) {
  const frames = timeFrames(panel, answers[panel.id], theme, step * 1000);
  if (!frames.length) return <Nothing panel={panel} height={height} />;
  return (
    <TimeSeries frames={frames} structureRev={1} width={width} height={height} timeRange={range} timeZone="utc" legend={panel.options.legend}
                options={panel.options}>
      {(builder) => { drawMarks(builder); return null; }}
    </TimeSeries>
  );
}

function Timeline({ panel, width, height }: { panel: Panel; width: number; height: number }) {
  const rows: Row[] = timeFrames(panel, answers[panel.id], theme, step * 1000).map((frame) => {
    const [times, field] = frame.fields;
    const row: Row = { name: field.state!.displayName!, cells: [] };
    times.values.forEach((time: number, index: number) => {
      if (field.values[index] === null) return;
      const shown = field.display!(field.values[index]);
      const last = row.cells[row.cells.length - 1];
      const caption = formattedValueToString(shown);
      if (last && last.text === caption && time - last.to < step * 1000) last.to = time + step * 1000;
      else row.cells.push({ from: time, to: time + step * 1000, color: shown.color!, text: caption });
    });
    return row;
  });
  if (!rows.length) return <Nothing panel={panel} height={height} />;
  return <Cells rows={rows.reverse()} from={from} to={to} width={width} height={height} theme={theme} fill={panel.options.rowHeight} labels="center" />;
}

// Grafana takes each bucket's own count by subtracting the one below it.
function Heat({ panel, width, height }: { panel: Panel; width: number; height: number }) {
  const edge = (name: string) => (name === '+Inf' ? Infinity : Number(name));
  const series = [...answers[panel.id][0].result].sort((a, b) => edge(a.metric.le) - edge(b.metric.le));
  const counts = series.map((one) => new Map(one.values!.map(([time, value]) => [time, Number(value)])));
  const own = counts.map((map, index) => new Map([...map].map(([time, value]) => [time, value - (counts[index - 1]?.get(time) ?? 0)])));
  const highest = Math.max(...own.flatMap((map) => [...map.values()]));
  if (!(highest > 0)) return <Nothing panel={panel} height={height} />;
  const format = getValueFormat(panel.options.yAxis.unit);
  const rows: Row[] = series.map((one, index) => ({
    name: one.metric.le === '+Inf' ? '+Inf' : formattedValueToString(format(edge(one.metric.le))),
    cells: [...own[index]].filter(([, value]) => value > 1e-9).map(([time, value]) => (
      { from: (time - step) * 1000, to: time * 1000, color: interpolateViridis(Math.sqrt(value / highest)) })) }));
  return <Cells rows={rows} from={from} to={to} width={width} height={height} theme={theme} fill={0.94} labels="edge" />;
}

function Stat({ panel, width, height }: { panel: Panel; width: number; height: number }) {
  const value = statValue(panel, answers[panel.id], theme);
  return <BigValue theme={theme} width={width} height={height} value={value as any} justifyMode={BigValueJustifyMode.Center}
                   colorMode={panel.options.colorMode as BigValueColorMode} graphMode={BigValueGraphMode.None}
                   textMode={BigValueTextMode.Auto} wideLayout />;
}

function Content({ panel, table, width, height }: { panel: Panel; table: any; width: number; height: number }) {
  if (panel.type === 'stat') return <Stat panel={panel} width={width} height={height} />;
  if (panel.type === 'timeseries') return <Series panel={panel} width={width} height={height} />;
  if (panel.type === 'state-timeline') return <Timeline panel={panel} width={width} height={height} />;
  if (panel.type === 'heatmap') return <Heat panel={panel} width={width} height={height} />;
  if (!table) return <Nothing panel={panel} height={height} />;
  return <Table data={table} width={width} height={height} columnMinWidth={120} />;
}

// Grafana's grid: 24 columns, cells of 30 pixels; one column, in order, on a phone.
function place(panel: Panel, before: Panel[]) {
  const { x, y, w, h } = panel.gridPos;
  const tall = (rows: number) => rows * CELL + (rows - 1) * GAP;
  const inner = width - 2 * GAP;
  if (phone) return { left: GAP, top: before.reduce((sum, one) => sum + tall(one.gridPos.h) + GAP, 0), width: inner, height: tall(h) };
  const column = (inner + GAP) / 24;
  return { left: GAP + x * column, top: y * (CELL + GAP), width: w * column - GAP, height: tall(h) };
}

function Dashboard({ tables }: { tables: Record<number, any> }) {
  const places = dashboard.panels.map((panel, index) => place(panel, dashboard.panels.slice(0, index)));
  const bottom = Math.max(...places.map((at) => at.top + at.height));
  return (
    <div style={{ width, background: theme.colors.background.canvas, color: theme.colors.text.primary, fontFamily: 'Inter, sans-serif' }}>
      <div style={{ padding: '12px 16px', fontSize: 18, fontWeight: 500 }}>{dashboard.title}</div>
      <div style={{ position: 'relative', height: bottom + GAP }}>
        {dashboard.panels.map((panel, index) => {
          const at = places[index];
          if (panel.type === 'row') {
            return <div key={panel.id} style={{ position: 'absolute', ...at, fontSize: 16, fontWeight: 500, padding: '4px 8px' }}>{panel.title}</div>;
          }
          return (
            <div key={panel.id} style={{ position: 'absolute', ...at }}>
              <PanelChrome title={panel.title} description={panel.description} width={at.width} height={at.height}>
                {(innerWidth, innerHeight) => <Content panel={panel} table={tables[panel.id]} width={innerWidth} height={innerHeight} />}
              </PanelChrome>
            </div>
          );
        })}
      </div>
    </div>
  );
}

async function main() {
  const tables: Record<number, any> = {};
  for (const panel of dashboard.panels) {
    if (panel.type === 'table') tables[panel.id] = await tableFrame(panel, answers[panel.id], theme as Theme);
  }
  await Promise.all(['400 12px Inter', '500 12px Inter'].map((font) => document.fonts.load(font)));
  createRoot(document.getElementById('page')!).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PortalContainer />
      <Dashboard tables={tables} />
    </ThemeContext.Provider>);
}

main();
