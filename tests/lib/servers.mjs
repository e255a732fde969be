// The test bed: client -> web server -> agentcgi -> test upstream, each a
// process of its own but the upstream, which is ours unless told otherwise.

import fs from "node:fs";
import path from "node:path";
import { ARN, CREDENTIALS, SECRETS, startUpstream } from "../upstream/upstream.mjs";
import { frontOf, writeServer } from "./fronts.mjs";
import { fetchAll, open } from "./sse.mjs";
import { freePort, isAlive, kill, start, temporary, until, untilListening } from "./proc.mjs";

export * from "./fronts.mjs";

const ROOT = path.resolve(path.dirname(new URL(import.meta.url).pathname), "../..");
export const AGENTCGI = path.resolve(process.env.AGENTCGI ?? path.join(ROOT, "build/agentcgi"));
const TRIES = 5;
const EXIT_CANNOT_LISTEN = 69;

// INI text of {key: value} globals and {name: {key: value}} agents.
export function configText(globals, agents) {
	const lines = (keys) =>
		Object.entries(keys).map(([k, v]) => `${k} = ${v}\n`).join("");
	return lines(globals) + Object.entries(agents)
		.map(([name, keys]) => `\n[agent ${name}]\n${lines(keys)}`).join("");
}

// Nothing of the caller's AWS set-up, and no instance metadata.
export function cleanEnvironment(dir, more = {}) {
	const env = {
		PATH: process.env.PATH,
		HOME: dir,
		AWS_EC2_METADATA_DISABLED: "true",
		AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
		AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
		...more,
	};
	for (const [name, value] of Object.entries(process.env)) {
		if (/^(ASAN|UBSAN|LSAN)_/.test(name))
			env[name] = value;
	}
	for (const [name, value] of Object.entries(env)) {
		if (value === undefined)
			delete env[name];
	}
	return env;
}

let program;

/* The program and the page where whoever the web server runs as can get at
 * them; once for all beds. */
function install() {
	if (program)
		return program;
	if (!fs.existsSync(AGENTCGI))
		throw new Error(`${AGENTCGI} is missing: run make`);
	const dir = temporary();
	fs.chmodSync(dir, 0o755);
	program = path.join(dir, "agentcgi.cgi");
	fs.copyFileSync(AGENTCGI, program);
	fs.chmodSync(program, 0o755);
	fs.cpSync(path.join(ROOT, "htdocs"), path.join(dir, "htdocs"), { recursive: true });
	return program;
}

// Passes a listening socket as systemd does: on descriptor 3.
const AS_SYSTEMD = `BEGIN { $^F = 9 }
use Socket; use POSIX ();
my ($path, $s) = shift;
socket($s, PF_UNIX, SOCK_STREAM, 0) && bind($s, sockaddr_un($path)) && listen($s, 128) or die $!;
chmod 0666, $path;
POSIX::dup2(fileno($s), 3);
@ENV{"LISTEN_FDS", "LISTEN_PID"} = (1, $$);
exec @ARGV;`;

class Bed {
	constructor(options) {
		this.front = frontOf(options.front ?? "lighttpd");
		this.dir = temporary();
		fs.chmodSync(this.dir, 0o755);
		this.docroot = path.join(this.dir, "www");
		this.socket = path.join(this.dir, "s");
		this.htdocs = path.join(path.dirname(install()), "htdocs");
		this.program = options.program ?? install();
		this.mount = options.mount ?? this.front.mount ?? "/api";
		this.compress = options.compress ?? false;
		this.change = options.change ?? ((text) => text);
		this.changeServer = options.changeServer ?? ((text) => text);
		this.address = { path: this.socket };
		this.globals = {
			state_dir: path.join(this.dir, "state"),
			session_policy: "open",
			rate: "off",
			streams_per_user: "off",
			...options.globals,
		};
		this.agentKeys = options.agents ?? { default: {} };
		this.env = cleanEnvironment(this.dir, options.env);
		this.noFile = options.noFile ?? false;
		this.activated = options.activated ?? false;
		this.listenArgument = !this.activated &&
			(this.noFile || options.listenArgument);
		this.configPath = this.noFile ? "" : path.join(this.dir, "agentcgi.conf");
		fs.mkdirSync(path.join(this.docroot, "cgi-bin"), { recursive: true });
		fs.mkdirSync(this.globals.state_dir, { recursive: true, mode: 0o777 });
		fs.symlinkSync(this.program, path.join(this.docroot, "cgi-bin/agentcgi"));
	}

	get listen() {
		return this.address.port ? `tcp:127.0.0.1:${this.address.port}` : `unix:${this.socket}`;
	}

	// Each agent is the upstream's unless told otherwise; one with a url is not.
	writeConfig(globals = {}, agents = {}) {
		Object.assign(this.globals, globals);
		for (const [name, keys] of Object.entries(agents))
			this.agentKeys[name] = { ...this.agentKeys[name], ...keys };
		const all = Object.fromEntries(Object.entries(this.agentKeys)
			.map(([name, keys]) => [name, {
				...(!keys.backend && { arn: ARN, qualifier: "DEFAULT" }),
				...(!keys.url && { endpoint: this.upstream?.url ?? "http://127.0.0.1:9" }),
				...keys,
			}]));
		if (!this.noFile)
			fs.writeFileSync(this.configPath,
				configText({ listen: this.listen, ...this.globals }, all));
	}

	async startAgentcgi() {
		if (this.front.kind !== "service")
			return;
		for (let i = 1; ; i++) {
			if (this.front.tcp && !this.agentcgi) {
				this.address = { host: "127.0.0.1", port: await freePort() };
				this.writeConfig();
			}
			const argv = [AGENTCGI, "serve"];
			if (this.activated)
				argv.unshift("perl", "-e", AS_SYSTEMD, this.socket);
			if (this.listenArgument)
				argv.push("--listen", this.listen);
			if (!this.noFile)
				argv.push("--config", this.configPath);
			this.agentcgi = start(argv, { env: this.env, cwd: this.dir });
			try {
				await untilListening(this.agentcgi, this.address, "agentcgi");
				return;
			} catch (error) {
				if (this.agentcgi.ended?.code !== EXIT_CANNOT_LISTEN
					|| !this.front.tcp || i === TRIES)
					throw error;
				this.agentcgi = undefined; // somebody else was faster
			}
		}
	}

	async startFront() {
		const token = `${process.pid}-${Math.random()}`;
		fs.writeFileSync(path.join(this.docroot, "bed.txt"), token);
		for (let i = 1; ; i++) {
			const port = await freePort();
			this.h2port = this.front.server === "nginx" ? await freePort() : port;
			this.web = start(writeServer(this, port), { cwd: this.dir, ownGroup: true, env: {
				PATH: process.env.PATH, HOME: this.dir, LC_ALL: "C.UTF-8" } });
			this.port = port;
			this.origin = this.front.h2
				? `h2c://127.0.0.1:${this.h2port}` : `http://127.0.0.1:${port}`;
			this.url = this.origin + this.mount.replace(/\/$/, "");
			const ready = await until(async () => {
				if (this.web.ended)
					return "ended";
				const reply = await fetchAll(this.mount === "/"
					? `${this.url}/health` : `${this.origin}/bed.txt`);
				return (this.mount === "/" ? reply.status === 200
					: reply.text === token) && "ready";
			}, `${this.front.name} on port ${port}`).catch((error) => {
				throw new Error(`${error.message}\n${this.frontLog()}`);
			});
			if (ready === "ready")
				return;
			if (i === TRIES)
				throw new Error(`${this.front.name} does not start:\n${this.frontLog()}`);
		}
	}

	frontLog() {
		const file = path.join(this.dir, "front.log");
		return (this.web?.err() ?? "")
			+ (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "");
	}

	// What agentcgi had to say, wherever the front puts it.
	log() {
		if (this.agentcgi)
			return this.agentcgi.err() + this.agentcgi.out();
		const file = path.join(this.dir, "agentcgi.log");
		return (fs.existsSync(file) ? fs.readFileSync(file, "utf8") : "")
			+ this.frontLog();
	}

	// The processes of agentcgi, whoever started them.
	agentcgiPids() {
		if (this.agentcgi)
			return [this.agentcgi.pid].filter(isAlive);
		const found = [];
		for (const entry of fs.readdirSync("/proc")) {
			if (!/^\d+$/.test(entry) || !isAlive(Number(entry)))
				continue;
			try {
				const env = fs.readFileSync(`/proc/${entry}/environ`, "latin1");
				const exe = fs.readlinkSync(`/proc/${entry}/exe`);
				if ((exe === AGENTCGI || path.basename(exe) === "agentcgi.cgi") && env.includes(`HOME=${this.dir}\0`))
					found.push(Number(entry));
			} catch {
				/* gone, or not ours */
			}
		}
		return found;
	}

	// POST a prompt as JSON; the reply at its headers.
	ask(prompt, { to = "/invoke", headers, ...fields } = {}) {
		return open(this.url + to, { headers, body: { prompt, ...fields } });
	}

	// The same, to the end.
	async answer(prompt, options) {
		return (await this.ask(prompt, options)).ended;
	}

	get(target, options) {
		return fetchAll(this.url + target, options);
	}

	// The upstream's report of the stream of this name.
	async stream(name) {
		const { streams } = await this.upstream.stats();
		return streams.findLast((s) => s.stream === name);
	}

	streamUntil(name, probe, what, patience) {
		return until(async () => {
			const stream = await this.stream(name);
			return stream && probe(stream) && stream;
		}, `stream ${name} ${what}`, patience);
	}

	async stop() {
		await this.web?.stop();
		await this.agentcgi?.stop();
		for (const pid of this.agentcgiPids()) // let go by a killed server
			kill(pid, "SIGKILL");
		if (this.ownUpstream)
			await this.upstream.close();
	}
}

/*
 * options: front (of FRONTS or ALL_FRONTS), globals and agents (keys of the
 * configuration; an agent gets endpoint unless it has a url, and arn and
 * qualifier unless it has a backend), env,
 * noFile (no configuration at all: noFile(upstream) returns the environment),
 * listenArgument (the address on the command line, too), activated (the
 * socket is passed as systemd does), mount (instead of /api), compress (the
 * server compresses whatever it can), change and changeServer (of the shipped
 * and of the server's own configuration, text to text), program (what a server
 * starts, instead of agentcgi itself), upstream (one that
 * runs already) or upstreamOptions.
 */
export async function startBed(options = {}) {
	const upstream = options.upstream
		?? (await startUpstream(options.upstreamOptions));
	const bed = new Bed({ ...options,
		noFile: Boolean(options.noFile),
		env: { ...options.env, ...options.noFile?.(upstream) } });
	bed.upstream = upstream;
	bed.ownUpstream = !options.upstream;
	SECRETS.push(`127.0.0.1:${upstream.port}`, bed.dir, AGENTCGI);
	try {
		bed.writeConfig();
		await bed.startAgentcgi();
		await bed.startFront();
		return bed;
	} catch (error) {
		await bed.stop();
		throw error;
	}
}

/* The upstream as a process of its own: to be killed, or so that it has its
 * own core.  Same face as startUpstream's, and {process}. */
export async function spawnUpstream(args = []) {
	return spawnNode("upstream.mjs", args, (url) => ({
		stats: async () => (await fetchAll(`${url}/__stats`)).json(),
		requests: async () => (await fetchAll(`${url}/__requests`)).json(),
		go: (stream = "*", n = 1) => fetchAll(
			`${url}/__go?stream=${encodeURIComponent(stream)}&n=${n}`, { method: "POST" }),
		reset: () => fetchAll(`${url}/__reset`, { method: "POST" }),
	}));
}

// The real agent of AWS's SDK.
export async function spawnAgent() {
	return spawnNode("agent.mjs", [], () => ({}));
}

async function spawnNode(file, args, face) {
	const script = path.join(ROOT, "tests/upstream", file);
	const process_ = start([process.execPath, script, ...args]);
	const port = await until(() => {
		if (process_.ended)
			throw Object.assign(new Error(`${file}: ${process_.err()}`), { final: true });
		return /"port":(\d+)/.exec(process_.out().replaceAll(" ", ""))?.[1];
	}, `${file} to say its port`);
	const url = `http://127.0.0.1:${port}`;
	return { port: Number(port), url, process: process_,
		...face(url), close: () => process_.stop() };
}

/* A bed that is started by the first test that asks for it.  Returns a
 * function to be awaited: the bed, or the error it failed with. */
export function lazyBed(options) {
	let bed;
	return () => (bed ??= startBed(options));
}
