// A `datastorm up` on free ports and in a folder of its own, for as long as a test needs it.

import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_MS = 20_000;
const END_MS = 30_000;

export class Program {
  private constructor(
    readonly url: string,
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {}

  static async up(file: string): Promise<Program> {
    const folder = mkdtempSync(join(tmpdir(), "datastorm-up-"));
    const free = "127.0.0.1:0";
    const args = ["up", "--json", "--rate", "20000", "--dashboard", free, "--control", free, "--broker-listen", free, "--data-dir", join(folder, "data")];
    const child = spawn(file, args, { cwd: folder, stdio: ["ignore", "ignore", "pipe"] });
    const url = await new Promise<string>((found, lost) => {
      let said = "";
      const give_up = (why: string) => lost(new Error(`${why}\n${said}`));
      const timer = setTimeout(() => give_up("datastorm up told no address"), START_MS);
      child.once("exit", (code) => give_up(`datastorm up ended with ${code}`));
      child.stderr!.on("data", (text: Buffer) => {
        said += text.toString();
        const address = /^dashboard +(http:\S+)$/m.exec(said);
        if (!address) return;
        clearTimeout(timer);
        child.removeAllListeners("exit");
        found(address[1]!);
      });
    });
    return new Program(url, child, folder);
  }

  /** Asks it to drain, and throws when it does not end well: a balance that is not right is exit 1. */
  async stop() {
    const ended = new Promise<number | null>((done) => this.child.once("exit", done));
    const timer = setTimeout(() => this.child.kill("SIGKILL"), END_MS);
    this.child.kill("SIGINT");
    const code = this.child.exitCode ?? (await ended);
    clearTimeout(timer);
    rmSync(this.folder, { recursive: true, force: true });
    if (code !== 130) throw new Error(`datastorm up ended with ${code}, not with 130`);
  }
}
