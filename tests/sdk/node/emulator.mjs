// Runs the program `twilio-sync emulator` for a test.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

/** Starts an emulator on a free port: how to reach it, and how to stop it. */
export async function start() {
  const program = process.env.TWILIO_SYNC_PROGRAM;
  if (!program) throw new Error("TWILIO_SYNC_PROGRAM names no program");
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !name.startsWith("TWILIO_")),
  );
  const child = spawn(program, ["emulator", "--port", "0", "--json", "--quiet"], {
    stdio: ["ignore", "pipe", "inherit"],
    env,
  });
  const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
  for await (const line of createInterface({ input: child.stdout })) {
    const emulator = JSON.parse(line);
    const stop = () => {
      child.kill("SIGTERM");
      return ended;
    };
    return { ...emulator, stop };
  }
  throw new Error(`the emulator ended with ${await ended}`);
}
