// Prometheus text exposition 0.0.4, as far as a gateway writes it; see
// https://prometheus.io/docs/instrumenting/exposition_formats/
const LINE = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"/g;
const unescaped = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

const numberOf = (text) => (text === '+Inf' ? Infinity : text === '-Inf' ? -Infinity : Number(text));

/** Map of name -> { help, type, samples: [{ labels, value }] }; a line that is none is passed over. */
export function parseMetrics(text) {
  const families = new Map();
  const family = (name) => {
    if (!families.has(name)) families.set(name, { help: '', type: 'untyped', samples: [] });
    return families.get(name);
  };
  for (const line of text.split('\n')) {
    const [, word, name, rest] = /^#\s+(HELP|TYPE)\s+(\S+)\s*(.*)$/.exec(line) ?? [];
    if (word) family(name)[word.toLowerCase()] = rest;
    const [, metric, labels, value] = (line.startsWith('#') ? null : LINE.exec(line)) ?? [];
    if (!metric || Number.isNaN(numberOf(value))) continue;
    family(metric).samples.push({ labels: labelsOf(labels), value: numberOf(value) });
  }
  return families;
}

function labelsOf(text = '') {
  const labels = {};
  for (const [, name, value] of text.matchAll(LABEL)) labels[name] = value.replace(/\\[\\"n]/g, (one) => unescaped[one]);
  return labels;
}

/** The sum of a family's samples, of those with these labels; null if there is none. */
export function total(families, name, wanted = {}) {
  const fits = ({ labels }) => Object.entries(wanted).every(([key, value]) => labels[key] === value);
  const samples = families.get(name)?.samples.filter(fits) ?? [];
  return samples.length > 0 ? samples.reduce((sum, { value }) => sum + value, 0) : null;
}

/**
 * A quantile (0 to 1) of what a histogram counted between two readings, in its unit: linear within the bucket, as
 * histogram_quantile() of Prometheus has it. null when it counted nothing.
 */
export function quantileSince(before, after, name, q) {
  const buckets = bucketsOf(after, name);
  const earlier = new Map(bucketsOf(before, name).map(({ le, count }) => [le, count]));
  const counted = buckets.map(({ le, count }) => ({ le, count: count - (earlier.get(le) ?? 0) }));
  const all = counted.at(-1)?.count ?? 0;
  if (!(all > 0) || counted.some(({ count }) => count < 0)) return null;
  const rank = q * all;
  const at = counted.findIndex(({ count }) => count >= rank);
  const low = counted[at - 1] ?? { le: 0, count: 0 };
  const { le, count } = counted[at];
  if (le === Infinity) return low.le;
  return low.le + ((le - low.le) * (rank - low.count)) / (count - low.count);
}

const bucketsOf = (families, name) =>
  (families.get(`${name}_bucket`)?.samples ?? []).map(({ labels, value }) => ({ le: numberOf(labels.le), count: value })).sort((a, b) => a.le - b.le);
