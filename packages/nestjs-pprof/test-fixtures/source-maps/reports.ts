// Compiled by source-maps.compilers.spec.ts in several ways; the specs look up the lines by their text.
// The types are here so that compiled lines differ from original ones.
export interface Row {
  readonly id: number;
  readonly total: number;
}

type Totals = Readonly<Record<string, number>>;

// CPU time: on a busy machine, the profiler may see nothing of a few milliseconds of the clock.
function spin(milliseconds: number): number {
  const end = process.cpuUsage().user + milliseconds * 1000;
  let sum = 0;
  while (process.cpuUsage().user < end) {
    // Many at a time: the kernel's clock would take more of the time than the loop.
    for (let i = 0; i < 20_000; i += 1) {
      sum += Math.sqrt(sum + 1);
    }
  }
  return sum;
}

export abstract class Formatter<T> {
  abstract format(value: T): string;
}

export class ReportService extends Formatter<Row> {
  constructor(private readonly milliseconds: number) {
    super();
    spin(this.milliseconds);
  }

  format(row: Row): string {
    return `${row.id} ${spin(this.milliseconds)}`;
  }

  async publish(row: Row): Promise<number> {
    return spin(this.milliseconds) + row.id;
  }
}

function computeTotals(rows: readonly Row[], milliseconds: number): Totals {
  return { sum: spin(milliseconds) + rows.length };
}

const sortRows = (rows: readonly Row[], milliseconds: number): number => spin(milliseconds) + rows.length;

const loadRows = async (milliseconds: number): Promise<number> => spin(milliseconds);

const writeRows = function (rows: readonly Row[], milliseconds: number): number {
  return spin(milliseconds) + rows.length;
};

export function run(milliseconds: number): void {
  const rows: Row[] = [{ id: 1, total: 2 }];
  const service = new ReportService(milliseconds);
  service.format(rows[0]!);
  void service.publish(rows[0]!);
  computeTotals(rows, milliseconds);
  sortRows(rows, milliseconds);
  void loadRows(milliseconds);
  writeRows(rows, milliseconds);
  rows.map((value) => spin(milliseconds) + value.id);
}

// For a sample in the code of the module itself.
export const warm = spin(50);
