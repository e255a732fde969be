// Processes, ports and files of a test, all gone when the test is.

import { spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 30_000;
const running = new Set();
const directories = new Set();

/* Until probe() is true (or returns something): its result.  Errors count as
 * false until time is up, unless they are marked final. */
export async function until(probe, what, patience = PATIENCE_MS) {
	const end = Date.now() + patience;
	let last;
	for (;;) {
		try {
			const result = await probe();
			if (result)
				return result;
			last = undefined;
		} catch (error) {
			if (error.final)
				throw error;
			last = error;
		}
		if (Date.now() > end)
			throw new Error(`waited ${patience} ms for ${what}`
				+ (last ? `: ${last.message}` : ""));
		await sleep(20);
	}
}

// Short, because the path of a unix socket may have 107 bytes only.
export function temporary(prefix = "acgi-") {
	const dir = fs.mkdtempSync(path.join(os.tmpdir(), prefix));
	directories.add(dir);
	return dir;
}

/* A port nobody listens on, out of the range the kernel gives to clients.
 * Somebody may still be faster: whoever uses it tries again then. */
export async function freePort() {
	for (;;) {
		const port = 12000 + Math.floor(Math.random() * 18000);
		const server = net.createServer();
		const free = await new Promise((resolve) => {
			server.once("error", () => resolve(false));
			server.listen(port, "127.0.0.1", () => resolve(true));
		});
		await new Promise((resolve) => server.close(resolve));
		if (free)
			return port;
	}
}

const alive = (pid) => {
	try {
		process.kill(pid, 0);
	} catch {
		return false;
	}
	// A zombie has ended as far as a test is concerned.
	try {
		const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
		return stat.slice(stat.lastIndexOf(")") + 2)[0] !== "Z";
	} catch {
		return false;
	}
};

export const isAlive = alive;

// The pids below pid, children first.
export function descendants(pid) {
	const found = [];
	for (const entry of fs.readdirSync("/proc")) {
		if (!/^\d+$/.test(entry))
			continue;
		try {
			const stat = fs.readFileSync(`/proc/${entry}/stat`, "utf8");
			const parent = stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
			if (Number(parent) === pid)
				found.push(Number(entry), ...descendants(Number(entry)));
		} catch {
			/* gone meanwhile */
		}
	}
	return found;
}

// Signal a process that may have gone meanwhile.
export function kill(pid, signal) {
	try {
		process.kill(pid, signal);
	} catch {
		/* gone already */
	}
}

/* Start argv; ownGroup: some signal their whole process group, which must not
 * be ours.  Returns {pid, out() and err() text so far, exited (a promise
 * of {code, signal}), kill(signal), stop()}. */
export function start(argv, { env, cwd, stdin = "ignore", ownGroup = false } = {}) {
	const child = spawn(argv[0], argv.slice(1), {
		env: env ?? process.env,
		cwd,
		detached: ownGroup,
		stdio: [stdin, "pipe", "pipe"],
	});
	const text = { out: [], err: [] };
	child.stdout.on("data", (d) => text.out.push(d));
	child.stderr.on("data", (d) => text.err.push(d));
	const exited = new Promise((resolve) => {
		child.on("error", (error) => {
			text.err.push(Buffer.from(String(error)));
			resolve({ code: 127, signal: null });
		});
		child.on("exit", (code, signal) => resolve({ code, signal }));
	});
	const self = {
		pid: child.pid,
		child,
		exited,
		ended: null,
		out: () => Buffer.concat(text.out).toString(),
		err: () => Buffer.concat(text.err).toString(),
		kill: (signal) => kill(child.pid, signal),
		async stop() {
			running.delete(self);
			if (self.ended || child.pid === undefined)
				return;
			const pids = [child.pid, ...descendants(child.pid)];
			pids.forEach((pid) => kill(pid, "SIGTERM"));
			await Promise.race([exited, sleep(3000, null, { ref: false })]);
			pids.filter(alive).forEach((pid) => kill(pid, "SIGKILL"));
			await exited;
		},
	};
	exited.then((how) => {
		self.ended = how;
	});
	if (child.pid !== undefined)
		running.add(self);
	return self;
}

// Like start, but until it has ended: {code, signal, out, err}.
export async function runToEnd(argv, options) {
	const process = start(argv, options);
	const how = await process.exited;
	await new Promise(setImmediate);
	running.delete(process);
	return { ...how, out: process.out(), err: process.err() };
}

export function canConnect(where) {
	return new Promise((resolve) => {
		const socket = net.connect(where);
		socket.once("connect", () => {
			socket.destroy();
			resolve(true);
		});
		socket.once("error", () => resolve(false));
	});
}

/* Until process listens at where ({path} or {port, host}); throws, with what
 * it said, if it ends instead. */
export async function untilListening(process, where, what) {
	await until(async () => {
		if (process.ended)
			return true;
		return canConnect(where);
	}, `${what} to listen`);
	if (process.ended)
		throw new Error(`${what} ended: ${JSON.stringify(process.ended)}\n`
			+ process.err() + process.out());
}

export async function stopAll() {
	await Promise.all([...running].map((p) => p.stop()));
	for (const dir of directories)
		fs.rmSync(dir, { recursive: true, force: true });
	directories.clear();
}

// Whatever ends us ends them.
function last() {
	for (const p of running) {
		for (const pid of [...descendants(p.pid), p.pid])
			kill(pid, "SIGKILL");
	}
	for (const dir of directories)
		fs.rmSync(dir, { recursive: true, force: true });
}

process.on("exit", last);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
	process.on(signal, () => process.exit(130));
process.on("uncaughtException", (error) => {
	console.log(`# uncaught: ${error.stack}`);
	process.exit(1);
});
process.on("unhandledRejection", (error) => {
	console.log(`# unhandled: ${error?.stack ?? error}`);
	process.exit(1);
});
