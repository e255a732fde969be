// Under any prefix: at the root, deep down, and as PATH_INFO of a program.

import { FRONTS, lazyBed, startBed } from "../lib/servers.mjs";
import { assertRefused, assertStream } from "../lib/check.mjs";
import { kill, stopAll } from "../lib/proc.mjs";
import { fetchAll } from "../lib/sse.mjs";
import { assert, run, test } from "../lib/tap.mjs";

// What shows that the route was found: agent, query, and refusals of ours.
async function checkRoutes(bed, base) {
	const ask = (to, body = { prompt: "hi" }) => fetchAll(base + to, { body });
	await bed.upstream.reset();
	assertStream(await ask("/invoke"));
	assertStream(await ask("/invoke/other"));
	assertStream(await fetchAll(`${base}/invoke/other?prompt=hi%20there`));
	const requests = await bed.upstream.requests();
	assert.deepEqual(requests.map((r) => r.query.qualifier), ["DEFAULT", "OTHER", "OTHER"]);
	assert.equal(JSON.parse(requests[2].body).prompt, "hi there");
	assert.equal((await fetchAll(`${base}/health`)).json().status, "ok");
	assertRefused(await ask("/invoke/absent"), 404, "not_found");
	assertRefused(await fetchAll(`${base}/health`, { method: "POST", body: "x" }),
		405, "method_not_allowed");
}

const agents = { default: {}, other: { qualifier: "OTHER" } };
// A .htaccess file is where its directory is.
const MOVABLE = FRONTS.filter((front) => front !== "apache-htaccess");

for (const front of MOVABLE) {
	for (const mount of ["/deep/er/path", "/a.b~c", "/"]) {
		test(`${front}: mounted at ${mount}`, async () => {
			const bed = await startBed({ front, mount, agents });
			await checkRoutes(bed, bed.url);
			// Programs at the root leave no place for a page.
			if (mount === "/" && !["apache", "caddy", "h2o", "nginx"].includes(front))
				return bed.stop();
			const page = await fetchAll(`${bed.origin}/agentcgi/selftest.html`);
			assert.match(page.text, /agentcgi-api/);
			return bed.stop();
		});
	}
}

// The shipped files let this machine in, and nobody else.  Here they let in
// another one alone, so that we are nobody else.
const LOCAL = [[/^(\s*)Require local/gm, "$1Require ip 192.0.2.1"], // Apache
	[/\^\(127\\\.\|::1\$\)/g, "^192\\.0\\.2\\."], // lighttpd
	[/allow 127\.0\.0\.0\/8;\s*allow ::1;/g, "allow 192.0.2.1;"], // nginx
	[/127\.0\.0\.0\/8 ::1/g, "192.0.2.1"]]; // Caddy
const GUARDED = MOVABLE.filter((front) => front !== "h2o");

for (const front of GUARDED) {
	test(`${front}: others than this machine are kept out`, async () => {
		let changed;
		const bed = await startBed({ front, change(text) {
			changed = LOCAL.reduce((t, [from, to]) => t.replace(from, to), text);
			assert.notEqual(changed, text);
			return changed;
		} });
		for (const target of ["/api", "/api/", "/api?x", "/api/health", "//api/health",
			"/x/../api/health", "/%61pi/health", "/api/invoke?prompt=hi", "/agentcgi/",
			"/agentcgi/index.html"]) {
			const reply = await fetchAll(bed.origin + target);
			assert.ok(reply.status >= 300 && reply.status < 500, `${target}: ${reply.status}`);
			assert.equal(reply.headers["x-request-id"], undefined, `${target} reaches agentcgi`);
			assert.ok(!reply.body.subarray(0, 4).equals(Buffer.from("\x7fELF")), target);
			assert.doesNotMatch(reply.text, /agentcgi-api/, target);
		}
		assert.equal((await fetchAll(`${bed.origin}/api/health`)).status, 403);
		assert.equal((await bed.upstream.requests()).length, 0);
		await bed.stop();
	});
}

for (const front of FRONTS) {
	const start = lazyBed({ front, agents });

	test(`${front}: with the mount told by the configuration`, async () => {
		const bed = await startBed({ front, agents });
		bed.writeConfig({ mount: bed.mount });
		bed.agentcgiPids().forEach((pid) => kill(pid, "SIGHUP"));
		await checkRoutes(bed, bed.url);
		await bed.stop();
	});

	test(`${front}: the page is served beside it`, async () => {
		const bed = await start();
		const page = front === "apache-htaccess" ? "/chat/" : "/agentcgi/";
		const reply = await fetchAll(bed.origin + page + "index.html");
		assert.equal(reply.status, 200, reply.text);
		assert.match(reply.headers["content-type"], /^text\/html/);
		assert.match(reply.text, /agentcgi-api/);
		assert.equal((await fetchAll(`${bed.origin}${page}chat.js`)).status, 200);
		await bed.stop();
	});
}

test("apache-htaccess: the two lines that are active are enough", async () => {
	// No other line of the sample is uncommented here.
	const bed = await startBed({ front: "apache-htaccess", agents,
		change: (text) => text.replace(/^#(CGIPassAuth|SetEnv no-|Rewrite)/gm, "# $1") });
	await checkRoutes(bed, `${bed.origin}/chat/agentcgi.cgi`);
	assert.equal((await fetchAll(`${bed.origin}/chat/api/health`)).status, 404);
	await bed.stop();
});

test("lighttpd-cgi: as a program in cgi-bin", async () => {
	const bed = await startBed({ front: "lighttpd-cgi", agents });
	await checkRoutes(bed, `${bed.origin}/cgi-bin/agentcgi`);
	await bed.stop();
});

await run(stopAll);
