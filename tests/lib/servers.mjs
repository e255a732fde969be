// The test bed: client -> web server -> agentcgi -> test upstream, each a
// process of its own but the upstream, which is ours unless told otherwise.
//
// FRONTS name the ways to stand in front of agentcgi; one list of cases runs
// over all of them.

import fs from "node:fs";
import path from "node:path";
import { ARN, CREDENTIALS, SECRETS, startUpstream } from "../upstream/upstream.mjs";
import { fetchAll, open } from "./sse.mjs";
import { freePort, isAlive, start, temporary, until, untilListening } from "./proc.mjs";

export const FRONTS = ["lighttpd", "lighttpd-spawn", "lighttpd-cgi", "nginx"];
// Those where one process serves all.
export const SERVICES = ["lighttpd", "lighttpd-spawn", "nginx"];

const ROOT = path.resolve(path.dirname(new URL(import.meta.url).pathname), "../..");
export const AGENTCGI = path.resolve(process.env.AGENTCGI ?? path.join(ROOT, "build/agentcgi"));
const LIGHTTPD = process.env.LIGHTTPD ?? "/usr/sbin/lighttpd";
const LIGHTTPD_MODULES = process.env.LIGHTTPD_MODULES;
const NGINX = process.env.NGINX ?? "/usr/sbin/nginx";
const TRIES = 5;

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
		if (/^(ASAN|UBSAN|TSAN|LSAN|LLVM|GCOV)_/.test(name))
			env[name] = value;
	}
	for (const [name, value] of Object.entries(env)) {
		if (value === undefined)
			delete env[name];
	}
	return env;
}

const quote = (text) => `"${String(text).replace(/["\\]/g, "\\$&")}"`;

function lighttpdEnvironment(key, env) {
	return `${key} = (\n${Object.entries(env)
		.map(([k, v]) => `  ${quote(k)} => ${quote(v)}`).join(",\n")}\n)\n`;
}

function lighttpdConfig(bed, port) {
	const common = `
server.document-root = "${bed.docroot}"
server.errorlog = "${bed.dir}/front.log"
server.breakagelog = "${bed.dir}/agentcgi.log"
server.pid-file = "${bed.dir}/front.pid"
server.upload-dirs = ( "${bed.dir}" )
server.bind = "127.0.0.1"
server.port = ${port}
server.max-fds = 16384
server.max-connections = 6000
server.listen-backlog = 4096
server.max-write-idle = 3700
server.max-keep-alive-requests = 1000
server.stream-response-body = 2
server.max-request-size = 8192
mimetype.assign = ( ".txt" => "text/plain", ".html" => "text/html",
    ".css" => "text/css", ".js" => "text/javascript", ".svg" => "image/svg+xml" )
`;
	if (bed.front === "lighttpd-cgi")
		return `server.modules = ( "mod_setenv", "mod_cgi" )
${common}${lighttpdEnvironment("setenv.set-environment",
	{ ...bed.env, ...(bed.configPath && { AGENTCGI_CONFIG: bed.configPath }) })}
$HTTP["url"] =~ "^/(api|cgi-bin/agentcgi)(/|$)" {
  cgi.assign = ( "" => "" )
}
`;
	const backend = bed.front === "lighttpd"
		? `"socket" => "${bed.socket}",`
		: `"socket" => "${bed.dir}/f", "max-procs" => 1,
    "bin-path" => "${AGENTCGI}${bed.configPath ? ` --config ${bed.configPath}` : ""}",
    ${lighttpdEnvironment('"bin-environment"', bed.env).replace("=", "=>").trimEnd()},
    "bin-copy-environment" => ( "PATH" ),`;
	return `server.modules = ( "mod_fastcgi" )
${common}
fastcgi.server = ( "/api" => ((
    ${backend}
    "check-local" => "disable", "tcp-fin-propagate" => "enable"
)) )
`;
}

// An own list of parameters, as recommended, for /api; for /stock what
// Debian's fastcgi_params has, which gives no PATH_INFO.
function nginxConfig(bed, port) {
	const shared = `
      fastcgi_param  QUERY_STRING      $query_string;
      fastcgi_param  REQUEST_METHOD    $request_method;
      fastcgi_param  CONTENT_TYPE      $content_type;
      fastcgi_param  CONTENT_LENGTH    $content_length;
      fastcgi_param  REQUEST_URI       $request_uri;
      fastcgi_param  SERVER_PROTOCOL   $server_protocol;
      fastcgi_param  SERVER_SOFTWARE   nginx/$nginx_version;
      fastcgi_param  GATEWAY_INTERFACE CGI/1.1;
      fastcgi_param  REMOTE_ADDR       $remote_addr;
      fastcgi_param  REMOTE_PORT       $remote_port;
      fastcgi_param  SERVER_ADDR       $server_addr;
      fastcgi_param  SERVER_PORT       $server_port;
      fastcgi_param  SERVER_NAME       $server_name;
      fastcgi_param  REQUEST_SCHEME    $scheme;
      fastcgi_param  HTTP_PROXY        "";
      fastcgi_pass   unix:${bed.socket};
      fastcgi_read_timeout 3700s;
      send_timeout 120s;
      client_max_body_size 8m;`;
	return `daemon off;
worker_processes 1;
pid ${bed.dir}/front.pid;
error_log ${bed.dir}/front.log;
${process.getuid() === 0 ? "user root;" : ""}
events { worker_connections 8192; }
http {
  types { text/html html; text/css css; text/javascript js; image/svg+xml svg; text/plain txt; }
  access_log off;
  client_body_temp_path ${bed.dir}/body; fastcgi_temp_path ${bed.dir}/fcgi;
  proxy_temp_path ${bed.dir}/proxy; uwsgi_temp_path ${bed.dir}/uwsgi; scgi_temp_path ${bed.dir}/scgi;
  gzip on; gzip_types *;
  server {
    listen 127.0.0.1:${port} backlog=4096;
    server_name localhost;
    root ${bed.docroot};
    location ~ ^/api(/|$) {
      fastcgi_split_path_info ^(/api)(/.*)?$;
      fastcgi_param  SCRIPT_NAME       $fastcgi_script_name;
      fastcgi_param  PATH_INFO         $fastcgi_path_info;
      fastcgi_buffering off;
      gzip off;${shared}
    }
    location /stock/ {
      fastcgi_param  SCRIPT_NAME       $fastcgi_script_name;
      fastcgi_param  DOCUMENT_URI      $document_uri;
      fastcgi_param  REMOTE_USER       $remote_user;${shared}
    }
  }
}
`;
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
		this.front = options.front ?? "lighttpd";
		this.dir = temporary();
		this.docroot = path.join(this.dir, "www");
		this.socket = path.join(this.dir, "s");
		this.globals = {
			listen: `unix:${this.socket}`,
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
		fs.mkdirSync(this.globals.state_dir, { mode: 0o700 });
	}

	// As CGI the program itself has its place below the document root.
	placeCgi() {
		for (const name of ["api", "cgi-bin/agentcgi"])
			fs.symlinkSync(AGENTCGI, path.join(this.docroot, name));
	}

	// Each agent is the upstream's unless told otherwise.
	writeConfig(globals = {}, agents = {}) {
		Object.assign(this.globals, globals);
		for (const [name, keys] of Object.entries(agents))
			this.agentKeys[name] = { ...this.agentKeys[name], ...keys };
		const all = Object.fromEntries(Object.entries(this.agentKeys)
			.map(([name, keys]) => [name, {
				arn: ARN,
				qualifier: "DEFAULT",
				endpoint: this.upstream?.url ?? "http://127.0.0.1:9",
				...keys,
			}]));
		if (!this.noFile)
			fs.writeFileSync(this.configPath, configText(this.globals, all));
	}

	async startAgentcgi() {
		if (!fs.existsSync(AGENTCGI))
			throw new Error(`${AGENTCGI} is missing: run make`);
		if (this.front === "lighttpd-cgi")
			this.placeCgi();
		if (this.front !== "lighttpd" && this.front !== "nginx")
			return;
		const argv = [AGENTCGI, "serve"];
		if (this.activated)
			argv.unshift("perl", "-e", AS_SYSTEMD, this.socket);
		if (this.listenArgument)
			argv.push("--listen", `unix:${this.socket}`);
		if (!this.noFile)
			argv.push("--config", this.configPath);
		this.agentcgi = start(argv, { env: this.env, cwd: this.dir });
		await untilListening(this.agentcgi, { path: this.socket }, "agentcgi");
	}

	async startFront() {
		const token = `${process.pid}-${Math.random()}`;
		fs.writeFileSync(path.join(this.docroot, "bed.txt"), token);
		for (let i = 1; ; i++) {
			const port = await freePort();
			const file = path.join(this.dir, "front.conf");
			fs.writeFileSync(file, this.front === "nginx"
				? nginxConfig(this, port) : lighttpdConfig(this, port));
			const modules = LIGHTTPD_MODULES ? ["-m", LIGHTTPD_MODULES] : [];
			this.web = start(this.front === "nginx"
				? [NGINX, "-p", this.dir, "-e", path.join(this.dir, "front.log"), "-c", file]
				: [LIGHTTPD, "-D", "-f", file, ...modules], { cwd: this.dir });
			this.origin = `http://127.0.0.1:${port}`;
			this.url = `${this.origin}/api`;
			const ready = await until(async () => {
				if (this.web.ended)
					return "ended";
				const reply = await fetchAll(`${this.origin}/bed.txt`);
				return reply.text === token && "ready";
			}, `${this.front} on port ${port}`).catch((error) => {
				throw new Error(`${error.message}\n${this.frontLog()}`);
			});
			if (ready === "ready")
				return;
			if (i === TRIES)
				throw new Error(`${this.front} does not start:\n${this.frontLog()}`);
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
				if (exe === fs.realpathSync(AGENTCGI) && env.includes(`HOME=${this.dir}\0`))
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
		if (this.ownUpstream)
			await this.upstream.close();
	}
}

/*
 * options: front (of FRONTS), globals and agents (keys of the configuration;
 * an agent gets arn, qualifier and endpoint unless given), env, noFile (no
 * configuration at all: noFile(upstream) returns the environment),
 * listenArgument (the address on the command line, too), activated (the
 * socket is passed as systemd does), upstream (one that
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
