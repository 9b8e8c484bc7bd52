// Grafana's own types of classic dashboards, for JSON: enumerations may be written as their values, and where Grafana
// leaves options open, those of the panel's plugin are asked for.
import type { AnnotationQuery, Dashboard, DataQuery, FieldConfig, FieldConfigSource, Panel, RowPanel, VariableModel } from '@grafana/schema';
import type { FieldConfig as HeatmapField, Options as HeatmapOptions } from '@grafana/schema/dist/esm/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen';
import type { Options as StatOptions } from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type { FieldConfig as TimelineField, Options as TimelineOptions } from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type { FieldConfig as TableField, Options as TableOptions } from '@grafana/schema/dist/esm/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen';
import type { FieldConfig as SeriesField, Options as SeriesOptions } from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

type Json<T> = T extends string
  ? `${T}`
  : T extends Array<infer Element>
    ? Array<Json<Element>>
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

// What the Prometheus data source adds; @grafana/schema does not have it.
type PrometheusQuery = DataQuery & {
  editorMode: 'code' | 'builder';
  expr: string;
  format: 'time_series' | 'table' | 'heatmap';
  instant: boolean;
  legendFormat?: string;
  range: boolean;
};

type Typed<Type extends string, Options, Field> = Json<
  Omit<Panel, 'type' | 'options' | 'fieldConfig' | 'targets' | 'transformations'> & {
    fieldConfig: Omit<FieldConfigSource, 'defaults'> & { defaults: Omit<FieldConfig, 'custom'> & { custom?: Field } };
    options: Options;
    targets: PrometheusQuery[];
    transformations?: Array<{ id: string; options: object }>;
  }
> & { type: Type };

export type AnyPanel =
  | Typed<'heatmap', HeatmapOptions, HeatmapField>
  | Typed<'stat', StatOptions, never>
  | Typed<'state-timeline', TimelineOptions, TimelineField>
  | Typed<'table', TableOptions, TableField>
  | Typed<'timeseries', SeriesOptions, SeriesField>
  | Json<Omit<RowPanel, 'type'>> & { type: 'row' };

type PrometheusAnnotation = Json<AnnotationQuery> & { expr: string; step: string; textFormat: string; titleFormat: string };

export type Classic = Json<Omit<Dashboard, 'panels' | 'annotations' | 'templating'>> & {
  annotations: { list: Array<PrometheusAnnotation | (Json<AnnotationQuery> & { builtIn: 1 })> };
  panels: AnyPanel[];
  templating: { list: Array<Json<VariableModel>> };
};
