// Where a row stands: its average over the benchmarks that count, and its place by it. Other ways to aggregate start here.

/** The published averages, or the mean of the benchmarks among `shown`; NaN where one of them is missing. */
export function averages(data, columns, shown) {
  const counted = (shown ?? []).filter((column) => column.weight);
  const all = columns.filter((column) => column.weight);
  if (!counted.length || counted.length === all.length) return data.numbers("average");
  const totals = new Float64Array(data.n);
  let weights = 0;
  for (const { key, weight } of counted) {
    const scores = data.numbers(key);
    for (let row = 0; row < totals.length; row++) totals[row] += weight * scores[row];
    weights += weight;
  }
  return totals.map((total) => Math.floor((total / weights) * 1e4 + 0.5) / 1e4);
}

/** Places by average, highest first, among the rows that count: equal averages share one, missing averages have none. */
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
