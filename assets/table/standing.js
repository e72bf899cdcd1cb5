// Where a row stands: its average over the benchmarks that count, and its place by it. Other ways to aggregate start here.

import { aggregate, isUpward } from "./aggregate.js";

/** Whether a view ranks by the average as it was published, so that what is known of its certainty belongs to it. */
export const isPublished = (query, about, counted) =>
  [null, about.aggregation].includes(query.aggregate) && !query.weights.length && counted.length === about.columns.filter((column) => column.weight).length;

/** The benchmarks that count in a view: those with a weight, or those of them that are shown. */
export function counts(query, about, shown) {
  const every = about.columns.filter((column) => column.weight);
  const seen = query.average === "shown" ? shown.filter((column) => column.weight) : every;
  return seen.length ? seen : every;
}

/** The published averages; or, asked otherwise, those of the benchmarks that count. NaN where one of them is missing. */
export function averages(data, about, query, counted) {
  if (isPublished(query, about, counted)) return data.numbers("average");
  const chosen = new Map(query.weights);
  const weights = counted.map(({ key, weight }) => weight * (chosen.get(key) ?? 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const better = counted.map((column) => (column.better === "lower" ? -1 : 1));
  const scores = counted.map(({ key }) => data.numbers(key));
  const made = aggregate(query.aggregate ?? about.aggregation ?? "mean", scores, weights.map((weight) => weight / total), better);
  return made.map((value) => Math.floor(value * 1e4 + 0.5) / 1e4);
}

/** Whether a larger average is the better one. */
export function pointsUp(query, about) {
  const counted = about.columns.filter((column) => column.weight);
  const how = query.aggregate ?? about.aggregation ?? "mean";
  return !counted.length || how === "none" || isUpward(how, counted.map((column) => (column.better === "lower" ? -1 : 1)));
}

/** Places by average, best first, among the rows that count: equal averages share one, missing averages have none. */
export function ranks(average, byAverage, among) {
  const places = new Float64Array(average.length).fill(NaN);
  let counted = 0;
  let place = 0;
  let last = NaN;
  for (const row of byAverage) {
    if (Number.isNaN(average[row])) break;
    if (among && !among(row)) continue;
    counted++;
    if (average[row] !== last) place = counted;
    last = average[row];
    places[row] = place;
  }
  return places;
}
