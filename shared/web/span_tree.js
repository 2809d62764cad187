// Spans in the order of a waterfall: each below its parent, in the order of their starts.
// In: the spans of a trace. Out: rows with their depth and `own`, the stretches of a span's time in which nothing below
// it ran, from and to in milliseconds of the trace.

export function lay(spans) {
  const left = new Map(spans.map((span) => [span.span_id, span]));
  const children = Map.groupBy(spans, ({ parent_id: parent }) => (left.has(parent) ? parent : ""));
  const rows = [];
  const visit = (span, depth) => {
    if (!left.delete(span.span_id)) return [];
    const row = { span, depth };
    rows.push(row);
    // A stream's layers end with its first token, but what they called goes on, so everything below counts.
    const below = (children.get(span.span_id) ?? []).flatMap((child) => visit(child, depth + 1));
    row.own = alone(span, below.sort((one, other) => one.started_ms - other.started_ms));
    return [span, ...below];
  };
  for (const head of children.get("") ?? []) visit(head, 0);
  for (const span of left.values()) visit(span, 0); // each other's parents: invalid, but somebody sent them
  return rows;
}

function alone({ started_ms: start, duration_ms: length }, below) {
  const [own, end] = [[], start + length];
  let free = start;
  for (const { started_ms: from, duration_ms: took } of below) {
    if (Math.min(from, end) > free) own.push([free, Math.min(from, end)]);
    free = Math.max(free, from + took);
  }
  if (free < end) own.push([free, end]);
  return own;
}
