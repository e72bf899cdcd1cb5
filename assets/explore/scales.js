// Scales: from a value to a pixel, and the ticks that an axis shows.

const DAY = 86_400_000;

/** Round steps of 1, 2 or 5 times a power of ten, at most about `count` of them. */
function linearTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = ([1, 2, 5].find((each) => each * power >= raw) ?? 10) * power;
  const ticks = [];
  for (let at = Math.ceil(low / step); at * step <= high + step / 1e6; at++) ticks.push(at * step);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  return ticks.map((value) => ({ value, text: value.toFixed(digits).replace("-", "−") }));
}

/** 1, 2 and 5 in every decade; only powers of ten if that is too many. */
function logTicks(low, high, count) {
  const within = (steps) => {
    const ticks = [];
    for (let power = Math.floor(Math.log10(low)); 10 ** power <= high; power++) {
      for (const step of steps) ticks.push(Number(`${step}e${power}`));
    }
    return ticks.filter((value) => value >= low && value <= high);
  };
  const fine = within([1, 2, 5]);
  const kept = fine.length > count ? within([1]) : fine;
  return kept.map((value) => ({ value, text: value >= 1e4 || value < 1e-3 ? value.toExponential(0) : `${value}` }));
}

/** The first of a day, month or year, at most about `count` of them. */
function dateTicks(low, high, count) {
  const days = (high - low) / Math.max(1, count);
  const ticks = [];
  if (days < 20) {
    const step = [1, 2, 7, 14].find((each) => each >= days) ?? 21;
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) ticks.push(at);
  } else {
    const months = [1, 2, 3, 6, 12, 24, 60, 120].find((each) => each * 30 >= days) ?? 240;
    const first = new Date(low * DAY);
    let month = Math.ceil((first.getUTCFullYear() * 12 + first.getUTCMonth()) / months) * months;
    const start = (at) => Date.UTC(Math.floor(at / 12), at % 12) / DAY;
    for (; start(month) <= high; month += months) if (start(month) >= low) ticks.push(start(month));
  }
  return ticks.map((value) => ({ value, text: new Date(value * DAY).toISOString().slice(0, days < 20 ? 10 : 7) }));
}

/** The smallest and largest of many values, with a margin; a single value gets room on both sides. */
function reach(values, isLog) {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return isLog ? [1, 10] : [0, 1];
  if (isLog) {
    const margin = Math.max(1.05, (high / low) ** 0.03);
    return low === high ? [low / 2, high * 2] : [low / margin, high * margin];
  }
  const margin = (high - low) * 0.04 || Math.abs(high) * 0.1 || 1;
  return [low - margin, high + margin];
}

/** A scale of an axis between two pixels; `names` have places 0, 1, 2 …, each with a band of pixels around it. */
export function scale(axis, values, from, to, room) {
  if (axis.kind === "names") {
    const band = (to - from) / Math.max(1, axis.names.length);
    const ticks = axis.names.map((text, value) => ({ value, text }));
    return { band: Math.abs(band), ticks, px: (value) => from + band * (value + 0.5) };
  }
  const isLog = axis.kind === "log";
  const [low, high] = axis.ends ?? reach(values, isLog);
  const map = isLog ? Math.log10 : (value) => value;
  const slope = (to - from) / (map(high) - map(low));
  const make = { linear: linearTicks, log: logTicks, date: dateTicks }[axis.kind];
  const ticks = make(low, high, Math.max(2, Math.abs(to - from) / room));
  return { band: 0, ticks, px: (value) => from + slope * (map(value) - map(low)) };
}

/** How a value of an axis is written where a reader points at it. */
export function written(axis, value) {
  if (axis.kind === "names") return axis.names[value] ?? "";
  if (axis.kind === "date") return new Date(value * DAY).toISOString().slice(0, 10);
  return `${Number(value.toPrecision(4))}`.replace("-", "−");
}
