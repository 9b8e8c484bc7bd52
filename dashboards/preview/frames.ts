// Prometheus' answers as Grafana's data frames, with the panel's field settings applied.
import { createTheme, DataFrame, Field, FieldType, getDisplayProcessor, standardTransformers, standardTransformersRegistry,
         toDataFrame, transformDataFrame } from '@grafana/data';
import { firstValueFrom } from 'rxjs';

export type Theme = ReturnType<typeof createTheme>;
export type Series = { metric: Record<string, string>; values?: Array<[number, string]>; value?: [number, string] };
export type Answer = { refId: string; legend?: string; format: string; result: Series[] };
export type Panel = { id: number; type: string; title: string; description?: string; gridPos: { x: number; y: number; w: number; h: number };
                      options: any; fieldConfig: { defaults: any; overrides: any[] }; transformations?: any[] };

standardTransformersRegistry.setInit(() => [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer]
  .map((one: any) => ({ ...one, transformation: async () => one })) as any);

const text = (name: string, metric: Record<string, string>) => name.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label) => metric[label] ?? '');

export function seriesName(answer: Answer, series: Series): string {
  if (answer.legend) return text(answer.legend, series.metric);
  const { __name__, ...labels } = series.metric;
  return (__name__ ?? '') + (Object.keys(labels).length ? JSON.stringify(labels) : '') || 'Value';
}

function matches(matcher: any, name: string): boolean {
  if (matcher.id === 'byName') return matcher.options === name;
  const pattern = /^\/(.*)\/$/.exec(matcher.options)?.[1] ?? `^${matcher.options}$`;
  return new RegExp(pattern).test(name);
}

// The panel's defaults, then its overrides, as Grafana lays them on a field.
function configFor(panel: Panel, name: string): any {
  const config = structuredClone(panel.fieldConfig.defaults);
  for (const override of panel.fieldConfig.overrides) {
    if (!matches(override.matcher, name)) continue;
    for (const { id, value } of override.properties) {
      if (id.startsWith('custom.')) config.custom = { ...config.custom, [id.slice(7)]: value };
      else config[id] = value;
    }
  }
  return config;
}

function finish(field: Field, panel: Panel, theme: Theme, name: string, index: number): void {
  field.config = { ...configFor(panel, name), displayName: name };
  field.state = { displayName: name, seriesIndex: index };
  field.display = getDisplayProcessor({ field, theme });
  field.getLinks = () => [];
}

// One frame for each series.
export function timeFrames(panel: Panel, answers: Answer[], theme: Theme, stepMs: number): DataFrame[] {
  const frames: DataFrame[] = [];
  for (const answer of answers) {
    for (const series of [...answer.result].sort((a, b) => seriesName(answer, a).localeCompare(seriesName(answer, b)))) {
      const values = (series.values ?? []).map(([, value]) => (value === 'NaN' ? null : Number(value)));
      if (values.every((value) => value === null)) continue;
      const frame = toDataFrame({ refId: answer.refId, fields: [
        { name: 'Time', type: FieldType.time, values: series.values!.map(([seconds]) => Math.round(seconds * 1000)), config: { interval: stepMs } },
        { name: 'Value', type: FieldType.number, values, labels: series.metric }] });
      finish(frame.fields[1], panel, theme, seriesName(answer, series), frames.length);
      frames.push(frame);
    }
  }
  return frames;
}

// The table that the panel's transformations make of instant answers.
export async function tableFrame(panel: Panel, answers: Answer[], theme: Theme): Promise<DataFrame | undefined> {
  const frames = answers.map((answer) => {
    const labels = [...new Set(answer.result.flatMap((one) => Object.keys(one.metric)))];
    return toDataFrame({ refId: answer.refId, fields: [
      { name: 'Time', type: FieldType.time, values: answer.result.map((one) => one.value![0] * 1000) },
      ...labels.map((label) => ({ name: label, type: FieldType.string, values: answer.result.map((one) => one.metric[label] ?? '') })),
      { name: answers.length > 1 ? `Value #${answer.refId}` : 'Value', type: FieldType.number,
        values: answer.result.map((one) => Number(one.value![1])) }] });
  });
  const [made] = await firstValueFrom(transformDataFrame(panel.transformations ?? [], frames.filter((frame) => frame.length)));
  made?.fields.forEach((field, index) => finish(field, panel, theme, field.config.displayName ?? field.name, index));
  return made;
}

// The single value of a stat panel: a number, or the text of the label that the panel shows.
export function statValue(panel: Panel, answers: Answer[], theme: Theme) {
  const name = panel.title;
  const label = /^\/\^(\w+)\$\/$/.exec(panel.options.reduceOptions.fields)?.[1];
  const series = answers[0].result.filter((one) => one.value![1] !== 'NaN')[0];
  const field = { name, type: label ? FieldType.string : FieldType.number, config: {}, values: [] } as unknown as Field;
  finish(field, panel, theme, name, 0);
  if (!series) return { numeric: NaN, text: panel.fieldConfig.defaults.noValue ?? 'No data' };
  return field.display!(label ? series.metric[label] : Number(series.value![1]));
}
