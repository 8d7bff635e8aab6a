const SVG = 'http://www.w3.org/2000/svg';

const [WIDTH, HEIGHT] = [300, 60];

/** A line of a chart: a value for each moment, null where none is known. @internal */
export interface ChartLine {
  readonly className: string;
  readonly values: ReadonlyArray<number | null>;
}

/**
 * Draws lines of the last minutes, with 0 at the bottom, and a limit where there is one within sight. What it shows is said in
 * words beside it, so it is nothing to those who do not see it.
 *
 * @param capacity how many values fill it
 * @internal
 */
export function drawChart(
  svg: SVGElement,
  lines: readonly ChartLine[],
  capacity: number,
  limit?: number,
): void {
  const highest = Math.max(...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  // One that is far above all that is seen would press the lines to the ground.
  const top = Math.max(limit !== undefined && limit < 4 * highest ? limit : 0, highest) * 1.1 || 1;
  const y = (value: number) => HEIGHT - (value / top) * HEIGHT;
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute('preserveAspectRatio', 'none');
  svg.replaceChildren();
  const add = (className: string, d: string) => {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('class', className);
    path.setAttribute('d', d);
    path.setAttribute('vector-effect', 'non-scaling-stroke');
    svg.append(path);
  };
  if (limit !== undefined && limit <= top) {
    add('limit', `M0 ${y(limit)}H${WIDTH}`);
  }
  for (const { className, values } of lines) {
    const from = capacity - values.length;
    let d = '';
    let isDrawing = false;
    values.forEach((value, index) => {
      if (value !== null) {
        d += `${isDrawing ? 'L' : 'M'}${(((from + index) * WIDTH) / (capacity - 1)).toFixed(1)} ${y(value).toFixed(1)}`;
      }
      isDrawing = value !== null;
    });
    add(className, d);
  }
}
