// Spans in the order of a waterfall: each below its parent, in the order of their starts.
// In: the spans of a trace. Out: rows, with depth, the parent's id, the number of children, and `own`: the stretches of
// a span's time in which none of its children ran, from and to in milliseconds of the trace.

export function lay(spans) {
  const known = new Set(spans.map(({ span_id: id }) => id));
  const children = new Map([["", []]]);
  for (const span of spans) {
    const parent = known.has(span.parent_id) && span.parent_id !== span.span_id ? span.parent_id : "";
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(span);
  }
  const rows = [];
  const visit = (parent, depth) => {
    for (const span of children.get(parent) ?? []) {
      if (!known.delete(span.span_id)) continue;
      const within = children.get(span.span_id) ?? [];
      rows.push({ span, depth, parent, children: within.length, own: alone(span, within) });
      visit(span.span_id, depth + 1);
    }
  };
  visit("", 0);
  // What is left are spans that are one another's parents: nobody's work, but somebody sent it.
  for (const span of spans) if (known.delete(span.span_id)) rows.push({ span, depth: 0, parent: "", children: 0, own: [] });
  return rows;
}

function alone({ started_ms: start, duration_ms: length }, within) {
  const own = [];
  let free = start;
  const end = start + length;
  for (const { started_ms: from, duration_ms: took } of within) {
    if (from > free) own.push([free, Math.min(from, end)]);
    free = Math.max(free, from + took);
  }
  if (free < end || !within.length) own.push([Math.min(free, end), end]);
  return own;
}
