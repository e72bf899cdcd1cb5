// The average of a row over the benchmarks that count, and its rank.

import { WAYS, aggregate, isUpward } from "./aggregate.js";

/** Whether a view ranks by the average as it was published, so that what is known of its certainty belongs to it. */
export const isPublished = (query, about, benchmarks) =>
  [null, about.aggregation].includes(query.aggregate) &&
  !query.weights.length &&
  benchmarks.length === about.columns.filter((column) => column.weight).length;

/** What the averages of a view are called: "Average", or "Win rate (MATH × 3)", as src/board/table/rows.py has it. */
export function nameOf(query, about, benchmarks) {
  const own = about.columns.find(({ key }) => key === "average")?.title ?? "Average";
  const chosen = new Map(query.weights);
  const isOwn = [null, about.aggregation].includes(query.aggregate);
  const isAll = benchmarks.length === about.columns.filter((column) => column.weight).length;
  const parts = [
    ...(isAll ? [] : [`only ${benchmarks.map(({ title }) => title).join(", ")}`]),
    ...benchmarks
      .filter(({ key }) => chosen.has(key))
      .map(({ key, title }) => `${title} × ${+chosen.get(key).toPrecision(6)}`),
  ];
  const name = isOwn ? own : WAYS[query.aggregate].title;
  return parts.length ? `${name} (${parts.join("; ")})` : name;
}

/** The benchmarks that count in a view: those with a weight, or those of them that are shown. */
export function counted(query, about, shown) {
  const every = about.columns.filter((column) => column.weight);
  const seen = query.average === "shown" ? shown.filter((column) => column.weight) : every;
  return seen.length ? seen : every;
}

/** The published averages; or those of the benchmarks that count, if asked for. NaN if one of them is missing. */
export function averages(data, about, query, benchmarks) {
  if (isPublished(query, about, benchmarks)) return data.numbers("average");
  const chosen = new Map(query.weights);
  const weights = benchmarks.map(({ key, weight }) => weight * (chosen.get(key) ?? 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const better = benchmarks.map((column) => (column.better === "lower" ? -1 : 1));
  const scores = benchmarks.map(({ key }) => data.numbers(key));
  const made = aggregate(
    query.aggregate ?? about.aggregation ?? "mean",
    scores,
    weights.map((weight) => weight / total),
    better,
  );
  return made.map((value) => Math.floor(value * 1e4 + 0.5) / 1e4);
}

/** Whether a larger average is the better one. */
export function pointsUp(query, about) {
  const benchmarks = about.columns.filter((column) => column.weight);
  const how = query.aggregate ?? about.aggregation ?? "mean";
  return (
    !benchmarks.length ||
    how === "none" ||
    isUpward(
      how,
      benchmarks.map((column) => (column.better === "lower" ? -1 : 1)),
    )
  );
}

/** Places by average, best first, among the rows that count: equal averages share one, missing averages have none. */
export function ranks(average, byAverage, among) {
  const places = new Float64Array(average.length).fill(NaN);
  let n = 0;
  let place = 0;
  let last = NaN;
  for (const row of byAverage) {
    if (Number.isNaN(average[row])) break;
    if (among && !among(row)) continue;
    n++;
    if (average[row] !== last) place = n;
    last = average[row];
    places[row] = place;
  }
  return places;
}
