// The program `twilio-sync emulator` for the checks: starting it, its REST API, its controls and tokens.

import { spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { createInterface } from "node:readline";

const encoded = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

/** An access token as Twilio's helper libraries make it. `with_` replaces members of its payload. */
export function sign(emulator, identity, with_ = {}, secret = emulator.api_secret) {
  const now = Math.floor(Date.now() / 1000);
  const header = { typ: "JWT", alg: "HS256", cty: "twilio-fpa;v=1" };
  const payload = {
    jti: `${emulator.api_key}-${now}`,
    iss: emulator.api_key,
    sub: emulator.account_sid,
    iat: now,
    exp: now + 3600,
    grants: { identity, data_sync: { service_sid: emulator.service_sid } },
    ...with_,
  };
  const text = `${encoded(header)}.${encoded(payload)}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
}

export class Emulator {
  /** Starts the program on a free port, or with other arguments. */
  static start(...others) {
    return Emulator.startWith({}, ...others);
  }

  /** Starts the program with variables of the environment. */
  static async startWith(variables, ...others) {
    const program = process.env.TWILIO_SYNC_PROGRAM;
    if (!program) throw new Error("TWILIO_SYNC_PROGRAM names no program");
    const env = Object.fromEntries(
      Object.entries(process.env).filter(([name]) => !name.startsWith("TWILIO_")),
    );
    Object.assign(env, variables);
    const port = others.includes("--port") ? [] : ["--port", "0"];
    const given = ["emulator", "--json", "--quiet", ...port, ...others];
    const child = spawn(program, given, { stdio: ["ignore", "pipe", "inherit"], env });
    const ended = new Promise((resolve) => child.once("exit", (code) => resolve(code)));
    for await (const line of createInterface({ input: child.stdout })) {
      return Object.assign(new Emulator(), JSON.parse(line), { child, ended });
    }
    throw new Error(`the emulator ended with ${await ended}`);
  }

  get port() {
    return new URL(this.url).port;
  }

  /** Ends it with a signal, and gives its exit code. */
  stop(signal = "SIGTERM") {
    this.child.kill(signal);
    return this.ended;
  }

  token(identity, with_, secret) {
    return sign(this, identity, with_, secret);
  }

  async request(method, path, body, type) {
    const user = `${this.api_key}:${this.api_secret}`;
    const headers = { authorization: `Basic ${Buffer.from(user).toString("base64")}` };
    if (type) headers["content-type"] = type;
    const response = await fetch(this.url + path, { method, headers, body });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** A call of the REST API in the Service of the checks. */
  rest(method, path, form = undefined) {
    const flat = Object.entries(form ?? {}).map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]);
    const body = form && new URLSearchParams(flat).toString();
    const type = form && "application/x-www-form-urlencoded";
    const service = path.startsWith("/Services") ? "" : `/Services/${this.service_sid}`;
    return this.request(method, `/v1${service}${path}`, body, type);
  }

  /** A control under `/_emulator/`. */
  control(method, name, body = undefined) {
    const json = body && JSON.stringify(body);
    return this.request(method, `/_emulator/${name}`, json, body && "application/json");
  }

  advance(ms) {
    return this.control("POST", "clock", { advance_ms: ms });
  }

  fault(fault) {
    return this.control("POST", "live_faults", fault);
  }
}
