const WIDTH = 800;
const LABELS = 280;
const VALUES = 110;
const ROW = 26;
const TOP = 44;
const BOTTOM = 34;

/** Its own background: whoever shows it may be of another mind than the reader's system as to light and dark. */
const STYLE = `
    :root { --paper: #fff; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --ours: #0969da; --peer: #bc4c00; --other: #59636e }
    @media (prefers-color-scheme: dark) {
      :root { --paper: #0d1117; --ink: #f0f6fc; --faint: #9198a1; --line: #3d444d; --ours: #4493f8; --peer: #f0883e; --other: #9198a1 }
    }
    rect.paper { fill: var(--paper); stroke: var(--line) }
    text { font: 13px system-ui, sans-serif; fill: var(--ink) }
    .title { font-weight: 600 }
    .faint { fill: var(--faint); font-size: 12px }
    .axis { stroke: var(--line) }
    .noise { fill: var(--line); opacity: .55 }
    .ours { fill: var(--ours); stroke: var(--ours) }
    .peer { fill: var(--peer); stroke: var(--peer) }
    .other { fill: var(--other); stroke: var(--other) }
    line.ours, line.peer, line.other { stroke-width: 2 }`;

/**
 * Medians as dots, with their quartiles as lines, one below the other; what a thing differs from itself as a band behind them.
 *
 * @param {object} chart
 * @param {{ label: string, kind?: 'ours' | 'peer', median: number, quartiles: [number, number], text: string }[]} chart.rows
 * @param {number} [chart.neutral] where nothing differs; the axis begins at 0 without
 * @param {[number, number]} [chart.noise]
 */
export function drawChart({ title, note, rows, neutral, noise, format }) {
  const height = TOP + rows.length * ROW + BOTTOM;
  const scale = scaleOf(rows, neutral, noise);
  const left = LABELS;
  const right = WIDTH - VALUES;
  const x = (value) => (left + ((value - scale.from) / (scale.to - scale.from)) * (right - left)).toFixed(1);
  const bottom = height - BOTTOM;
  const marks = scale.ticks.map(
    (tick) => `<line class="axis" x1="${x(tick)}" y1="${TOP - 6}" x2="${x(tick)}" y2="${bottom}"/>
  <text class="faint" x="${x(tick)}" y="${bottom + 16}" text-anchor="middle">${format(tick)}</text>`,
  );
  const band = noise
    ? `<rect class="noise" x="${x(noise[0])}" y="${TOP - 6}" width="${(x(noise[1]) - x(noise[0])).toFixed(1)}" height="${bottom - TOP + 6}"/>`
    : '';
  const dots = rows.map(({ label, kind = 'other', median, quartiles, text }, index) => {
    const y = TOP + index * ROW + ROW / 2;
    return `<text x="16" y="${y + 4}">${escape(label)}</text>
  <line class="${kind}" x1="${x(quartiles[0])}" y1="${y}" x2="${x(quartiles[1])}" y2="${y}"/>
  <circle class="${kind}" cx="${x(median)}" cy="${y}" r="4.5"/>
  <text x="${right + 14}" y="${y + 4}">${escape(text)}</text>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">
  <title>${escape(title)}</title>
  <style>${STYLE}
  </style>
  <rect class="paper" x=".5" y=".5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>
  <text class="title" x="16" y="24">${escape(title)}</text>
  <text class="faint" x="${WIDTH - 16}" y="24" text-anchor="end">${escape(note)}</text>
  ${[band, ...marks, ...dots].filter(Boolean).join('\n  ')}
</svg>
`;
}

/** A range of round numbers that everything is in, with some four marks. */
export function scaleOf(rows, neutral = 0, noise = []) {
  const values = [neutral, ...noise, ...rows.flatMap(({ median, quartiles }) => [median, ...quartiles])];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const span = high - low || Math.abs(high) || 1;
  const power = 10 ** Math.floor(Math.log10(span / 4));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((size) => span / size <= 5);
  const from = Math.floor(low / step + 1e-9) * step;
  const count = Math.ceil((high - from) / step - 1e-9);
  return {
    from,
    to: from + count * step,
    ticks: Array.from({ length: count + 1 }, (_, index) => from + index * step),
  };
}

function escape(text) {
  return text.replaceAll('`', '').replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
