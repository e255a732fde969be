// One request in each process: as plain CGI and under mod_fcgid; and started by
// hand as a server would, to see what it does with arguments and input.

import fs from "node:fs";
import path from "node:path";
import { spawn } from "node:child_process";
import { ARN, startUpstream } from "../upstream/upstream.mjs";
import {
	AGENTCGI, FRONTS, cleanEnvironment, configText, frontOf, startBed,
} from "../lib/servers.mjs";
import { assertRefused, assertStream } from "../lib/check.mjs";
import { kill, stopAll, temporary, until } from "../lib/proc.mjs";
import { fetchAll } from "../lib/sse.mjs";
import { assert, run, test } from "../lib/tap.mjs";

const upstream = await startUpstream();
const CGI = FRONTS.filter((front) => frontOf(front).kind === "cgi");
const PROCESSES = FRONTS.filter((front) => ["cgi", "fcgid"].includes(frontOf(front).kind));

// suexec.c of Apache 2.4, safe_env_lst, as far as these servers send them.
const SUEXEC_KEEPS = ["AUTH_TYPE", "CONTENT_LENGTH", "CONTENT_TYPE", "CONTEXT_DOCUMENT_ROOT",
	"CONTEXT_PREFIX", "DOCUMENT_ROOT", "GATEWAY_INTERFACE", "HTTPS", "PATH_INFO",
	"PATH_TRANSLATED", "QUERY_STRING", "REMOTE_ADDR", "REMOTE_PORT", "REMOTE_USER",
	"REQUEST_METHOD", "REQUEST_SCHEME", "REQUEST_URI", "SCRIPT_FILENAME", "SCRIPT_NAME",
	"SERVER_ADDR", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE"];

const VARIABLES = {
	GATEWAY_INTERFACE: "CGI/1.1",
	SERVER_PROTOCOL: "HTTP/1.1",
	SERVER_NAME: "127.0.0.1",
	SERVER_PORT: "80",
	REMOTE_ADDR: "127.0.0.1",
	REQUEST_METHOD: "POST",
	SCRIPT_NAME: "/api",
	PATH_INFO: "/invoke",
	REQUEST_URI: "/api/invoke",
	QUERY_STRING: "",
	CONTENT_TYPE: "application/json",
};

/* One request by hand.  Resolves to {status, head, body, code, drained}:
 * drained is whether all of its input was taken. */
async function request({ via = [], args = [], env = {}, body = "", cwd } = {}) {
	const dir = cwd ?? temporary();
	const [program, ...rest] = [...via, AGENTCGI, ...args];
	const child = spawn(program, rest, { cwd: dir, env: cleanEnvironment(dir, {
		...VARIABLES,
		CONTENT_LENGTH: String(Buffer.byteLength(body)),
		AGENT_RUNTIME_ARN: ARN,
		AWS_ENDPOINT_URL_BEDROCK_AGENTCORE: upstream.url,
		...env,
	}) });
	const out = [];
	let broken = false;
	child.stdout.on("data", (d) => out.push(d));
	child.stderr.resume();
	child.stdin.on("error", () => (broken = true));
	const drained = new Promise((resolve) => child.stdin.end(body, () => resolve(!broken)));
	const code = await new Promise((resolve) => child.on("close", resolve));
	const text = Buffer.concat(out).toString();
	const at = text.search(/\r?\n\r?\n/);
	const head = text.slice(0, at);
	return {
		code,
		head,
		body: text.slice(at).replace(/^\r?\n\r?\n/, ""),
		status: Number(/^Status: (\d+)/mi.exec(head)?.[1] ?? 200),
		drained: await Promise.race([drained, Promise.resolve(!broken)]),
		text,
	};
}

const JSON_PROMPT = '{"prompt":"Hello you"}';

test("by hand: a stream, its head and an exit code of 0", async () => {
	const done = await request({ body: JSON_PROMPT });
	assert.equal(done.code, 0, done.text);
	assert.equal(done.status, 200);
	assert.match(done.head, /^content-type: text\/event-stream; charset=utf-8\r?$/mi);
	assert.doesNotMatch(done.head, /^(connection|transfer-encoding|HTTP\/)/mi);
	assert.doesNotMatch(done.head, /[ \t]\r?$/m);
	assert.match(done.body, /data: "Hello "\nid: ?\S+\n\n[^]*event: ?done\n/);
});

test("by hand: at least 8 KiB of comment before the first event", async () => {
	const done = await request({ body: JSON_PROMPT });
	assert.match(done.body, /^:/);
	assert.ok(done.body.indexOf("event:") >= 8192, String(done.body.indexOf("event:")));
});

// A signal that is blocked and pending from the start stands for one that
// comes while the program sets itself up.
test("SIGTERM before the request is read is not lost", async () => {
	const pending = `use POSIX; sigprocmask(SIG_BLOCK, POSIX::SigSet->new(SIGTERM));
		kill TERM => $$; exec { $ARGV[0] } @ARGV;`;
	const done = await request({ via: ["perl", "-e", pending],
		body: '{"prompt":"[[silence]]"}' });
	assert.equal(done.code, 0, done.text);
}, { limit: 60_000 });

test("the command line is ignored", async () => {
	for (const args of [["--version"], ["-t"], ["--help"], ["check"], ["--dump-config"],
		["--config", "/etc/passwd"], ["-c", "/etc/passwd"], ["serve", "--listen", "unix:/x/y"],
		["demo-agent"], ["--no-such-option"]]) {
		const done = await request({ args, body: JSON_PROMPT });
		assert.equal(done.status, 200, `${args}: ${done.text}`);
		assert.match(done.body, /data: "Hello "/, String(args));
	}
});

test("it is ignored with REQUEST_METHOD alone, too", async () => {
	const done = await request({ args: ["--version"], body: JSON_PROMPT,
		env: { GATEWAY_INTERFACE: undefined } });
	assert.doesNotMatch(done.text, /^agentcgi/i);
	assert.match(done.body, /data: "Hello "/, done.text);
});

test("standard input is drained before a refusal", async () => {
	for (const [env, status, kib] of [
		[{ PATH_INFO: "/nope", REQUEST_URI: "/api/nope" }, 404, 900],
		[{ REQUEST_METHOD: "PUT" }, 405, 900],
		[{ CONTENT_TYPE: "image/png" }, 415, 900],
		[{}, 413, 3000],
	]) {
		const done = await request({ env, body: "x".repeat(kib * 1024) });
		assert.equal(done.status, status, done.text.slice(0, 300));
		assert.equal(done.drained, true, `${status}`);
	}
});

test("without CONTENT_LENGTH, or with too large a one, the body counts", async () => {
	for (const env of [
		// a chunked upload under Apache's mod_cgi and mod_cgid
		{ CONTENT_LENGTH: undefined, HTTP_TRANSFER_ENCODING: "chunked" },
		{ CONTENT_LENGTH: "-1", HTTP_TRANSFER_ENCODING: "chunked" },
		{ CONTENT_LENGTH: "99999" },
	]) {
		const done = await request({ env, body: JSON_PROMPT });
		assert.match(done.body, /data: "Hello "/,
			`${JSON.stringify(env)}: ${done.text.slice(0, 300)}`);
	}
});

test("settings never come from HTTP_ variables", async () => {
	const dir = temporary();
	const evil = path.join(dir, "evil.conf");
	fs.writeFileSync(evil, configText({}, { default: { arn: ARN, qualifier: "EVIL",
		endpoint: upstream.url } }));
	await upstream.reset();
	const done = await request({ body: JSON_PROMPT, env: { HTTP_AGENTCGI_CONFIG: evil,
		HTTP_PROXY: "http://127.0.0.1:1", HTTP_AGENT_RUNTIME_ARN: "x" } });
	assert.equal(done.status, 200, done.text);
	assert.equal((await upstream.requests())[0].query.qualifier, "DEFAULT");
});

test("neither environment nor file: 503, and nothing said about why", async () => {
	const done = await request({ body: JSON_PROMPT, env: {
		AGENT_RUNTIME_ARN: undefined, AWS_ENDPOINT_URL_BEDROCK_AGENTCORE: undefined } });
	assert.equal(done.status, 503, done.text);
	assert.ok(JSON.parse(done.body).error.code);
});

for (const front of PROCESSES) {
	test(`${front}: ?--version and ?-t are a query, no options`, async () => {
		const bed = await startBed({ front, upstream });
		for (const query of ["?--version", "?-t", "?-c+/etc/passwd", "?--help"]) {
			const reply = await fetchAll(`${bed.url}/invoke${query}`,
				{ body: { prompt: "Hello you" } });
			assertStream(reply, "complete", query);
			assert.equal(reply.said.length, 2);
			const get = await bed.get(`/invoke${query}`);
			assert.equal(get.status, 400, `${query}: ${get.text}`);
			assert.equal(get.json().error.code, "bad_request");
		}
		await bed.stop();
	});

	test(`${front}: the environment alone, no file`, async () => {
		const bed = await startBed({ front, upstream, noFile: () => ({
			AGENT_RUNTIME_ARN: ARN, AWS_ENDPOINT_URL_BEDROCK_AGENTCORE: upstream.url }) });
		assertStream(await bed.answer("hi"));
		await bed.stop();
	});

	test(`${front}: a file that everybody may write to is refused`, async () => {
		const bed = await startBed({ front, upstream });
		fs.chmodSync(bed.configPath, 0o666);
		bed.agentcgiPids().forEach((pid) => kill(pid, "SIGTERM"));
		await until(() => bed.agentcgiPids().length === 0, "processes with the old file to end");
		const reply = await bed.answer("hi");
		assertRefused(reply, 503, "overloaded");
		await until(() => bed.log().includes("chmod o-w"), "the log to say what to do");
		fs.chmodSync(bed.configPath, 0o644);
		bed.agentcgiPids().forEach((pid) => kill(pid, "SIGTERM"));
		await until(async () => (await bed.answer("hi")).status === 200, "it to be read again");
		await bed.stop();
	});

	test(`${front}: twenty at once`, async () => {
		const bed = await startBed({ front, upstream });
		const replies = await Promise.all(Array.from({ length: 20 }, (_, i) =>
			bed.answer(`[[sse n=3 tag=c${i}]]`)));
		for (const [i, reply] of replies.entries()) {
			assertStream(reply);
			assert.match(reply.said[2].data, new RegExp(`:2\\] c${i} `));
		}
		await bed.stop();
	});
}

for (const front of CGI) {
	test(`${front}: agentcgi/agentcgi.conf beside the document root`, async () => {
		const bed = await startBed({ front, upstream, noFile: () => ({}) });
		const dir = path.join(bed.dir, "agentcgi");
		fs.mkdirSync(dir);
		const write = (where, qualifier) => fs.writeFileSync(where, configText({},
			{ default: { arn: ARN, endpoint: upstream.url, qualifier } }));
		write(path.join(dir, "agentcgi.conf"), "BESIDE");
		// Below the document root it would be for all to read: not looked for.
		fs.mkdirSync(path.join(bed.docroot, "agentcgi"));
		write(path.join(bed.docroot, "agentcgi", "agentcgi.conf"), "BELOW");
		await upstream.reset();
		// lighttpd's alias.url moves the document root to the program.
		const base = front === "lighttpd-cgi" ? `${bed.origin}/cgi-bin/agentcgi` : bed.url;
		assertStream(await fetchAll(`${base}/invoke`, { body: { prompt: "hi" } }));
		assert.equal((await upstream.requests())[0].query.qualifier, "BESIDE");
		await bed.stop();
	});

	// suexec passes CGI's own variables only, whatever SetEnv says: a script
	// of the user's, in place of the program, sets the rest.
	test(`${front}: started by a script, from an environment that is stripped`, async () => {
		const bed = await startBed({ front, upstream });
		const real = path.join(bed.dir, "real.cgi");
		const script = path.join(bed.dir, "agentcgi.cgi");
		fs.copyFileSync(bed.program, real);
		const given = Object.entries({ ...bed.env, AGENTCGI_CONFIG: bed.configPath });
		fs.writeFileSync(script, `#!/usr/bin/perl
my %keep = map { $_ => 1 } qw(${SUEXEC_KEEPS.join(" ")});
delete $ENV{$_} for grep { !/^HTTP_/ && !$keep{$_} } keys %ENV;
${given.map(([name, value]) => `$ENV{'${name}'} = '${value}';\n`).join("")}
exec { '${real}' } '${real}', @ARGV;
`, { mode: 0o755 });
		const keys = ["HOME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
		const other = await startBed({ front, upstream, program: script, noFile: () => ({}),
			env: Object.fromEntries(keys.map((name) => [name, undefined])) });
		assertStream(await other.answer("hi"));
		assert.equal((await other.answer("hi", { to: "/nope" })).status, 404);
		await other.stop();
		await bed.stop();
	});
}

await run(stopAll);
