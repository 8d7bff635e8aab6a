import { describe, expect, it } from '@jest/globals';
import { UsageError } from './cli.errors.js';
import { parseCommandLine } from './command.line.js';
import { COMMANDS, generalHelp, helpOf } from './command.table.js';

describe('parseCommandLine', () => {
  it('has a command, perhaps a target, and the options of that command', () => {
    expect(parseCommandLine(['profile', '6061', '--seconds', '30', '-o', 'cpu.pb.gz'])).toMatchObject({
      wants: 'run',
      command: { name: 'profile' },
      target: '6061',
      options: { seconds: '30', output: 'cpu.pb.gz' },
    });
    expect(parseCommandLine(['top'])).toMatchObject({ target: undefined, options: {} });
  });

  it.each([
    [['--help'], undefined],
    [['-h'], undefined],
    [['help'], undefined],
    [['help', 'heap'], 'heap'],
    [['heap', '--help'], 'heap'],
  ])('%j wants help', (args, command) => {
    expect(parseCommandLine(args)).toMatchObject({
      wants: 'help',
      ...(command ? { command: { name: command } } : { command: undefined }),
    });
  });

  it.each([
    [[], 'no command'],
    [['profil'], 'no such command; there are top, profile'],
    [['profile', '--second', '3'], "Unknown option '--second': `npx nestjs-pprof COMMAND --help` has"],
    [
      ['top', '--port', '6070'],
      "Unknown option '--port': the port, socket or URL of a service comes without",
    ],
    [['top', '--port', '6070'], 'without an option, `npx nestjs-pprof top 6070`'],
    [['--port=6070', 'heap'], '`npx nestjs-pprof heap 6070`'],
    [['top', '-p6070'], 'without an option, `npx nestjs-pprof top 6070`'],
    [['-p', '6070'], '`npx nestjs-pprof COMMAND 6070`'],
    [['heap', '--url', 'http://u:secret@h:1'], '`npx nestjs-pprof heap TARGET`'],
    [['heap', '--hz', '100'], 'heap has no option --hz; it has --seconds, --gc'],
    [['list', '6060'], 'list takes no target'],
    [['top', '6060', '6061'], 'top takes one target'],
    [['profile', '--seconds', '0'], 'whole number'],
    [['profile', '--seconds', '1.5'], 'whole number'],
    [['profile', '--seconds'], "'-s, --seconds <value>' argument missing"],
    [['profile', '--past', '60', '--seconds', '5'], 'exclude each other'],
    [['profile', '--until', '03:00:00'], '--until goes with --past'],
    [['profile', '--format', 'svg'], '--format takes one of pprof'],
    [['profile', '--json', '--format', 'text'], 'exclude each other'],
    [['profile', '-o', ''], 'name of a file'],
  ])('%j is refused: %s', (args, message) => {
    expect(() => parseCommandLine(args)).toThrow(UsageError);
    expect(() => parseCommandLine(args)).toThrow(message);
  });

  it('helps with every command and option, within the width of a terminal', () => {
    const texts = [generalHelp(), ...COMMANDS.map(helpOf)];
    for (const { name, options } of COMMANDS) {
      expect(texts[0]).toContain(`  ${name} `);
      const help = helpOf(COMMANDS.find((each) => each.name === name)!);
      expect(options.filter((option) => !help.includes(`--${option}`))).toEqual([]);
    }
    expect(texts.flatMap((text) => text.split('\n')).filter((line) => line.length > 110)).toEqual([]);
  });

  it('has examples that it understands', () => {
    const examples = COMMANDS.flatMap((command) => command.examples);
    for (const example of examples) {
      expect(parseCommandLine(example.split(' > ')[0]!.split(' '))).toMatchObject({ wants: 'run' });
    }
  });
});
