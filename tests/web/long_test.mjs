// A quarter of an hour of silence from the agent, through each of our
// configurations.  So that nobody waits for it, time runs 15 times faster: the
// silence, the comments in it, and every limit of the servers, those we set
// and their own, are divided by that.  What that does not show, a limit that
// our files do not have and that is not in the list below, a real run shows.

import { FRONTS, startBed } from "../lib/servers.mjs";
import { assertStream } from "../lib/check.mjs";
import { stopAll } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";
import { setTimeout as sleep } from "node:timers/promises";

const FASTER = 15;
const SILENCE_MS = 15 * 60_000 / FASTER;
const scaled = (n) => Math.max(1, Math.round(n / FASTER));

// What the shipped files set.
const shipped = (text) => text.replace(
	/^([^#\n]*(?:timeout[= .:io]*|IOTimeout |BusyTimeout |write-idle = ))(\d+)/gim,
	(_, before, n) => before + scaled(n));

// What the servers themselves have, by default.
const OWN = {
	apache: `
TimeOut ${scaled(60)}
<IfModule fcgid_module>
FcgidBusyScanInterval ${scaled(120)}
FcgidIdleScanInterval ${scaled(120)}
FcgidIdleTimeout ${scaled(300)}
FcgidZombieScanInterval 1
FcgidProcessLifeTime ${scaled(3600)}
</IfModule>
`,
	lighttpd: `
server.max-read-idle = ${scaled(60)}
`,
};

function own(text, bed) {
	if (bed.front.server === "nginx")
		return text.replace("access_log off;",
			`$& send_timeout ${scaled(60)}s; keepalive_timeout ${scaled(75)}s;`);
	return text + (OWN[bed.front.server] ?? "");
}

// Resolves to the reply once it has ended; the agent speaks at both ends of
// its silence.
async function quiet(front, change) {
	const bed = await startBed({ front, change, changeServer: own,
		globals: { keepalive: `${15_000 / FASTER}ms` } });
	const reply = await bed.ask("[[silence stream=long]]");
	await reply.spoken(1);
	await Promise.race([sleep(SILENCE_MS), reply.ended]);
	await bed.upstream.go("long");
	await reply.ended;
	await bed.stop();
	return reply;
}

const started = {};
test("(all of them at once)", async () => {
	for (const front of FRONTS)
		started[front] = quiet(front, shipped);
	// As they come: 300 s for an answer, whatever flows.
	started.control = quiet("apache-fcgid", (text) => shipped(text)
		.replace(/^FcgidBusyTimeout .*/m, `FcgidBusyTimeout ${scaled(300)}`));
	await Promise.allSettled(Object.values(started));
});

for (const front of FRONTS) {
	test(`${front}: 15 minutes of silence, ${FASTER} times faster`, async () => {
		const reply = await started[front];
		assertStream(reply);
		assert.equal(reply.said.length, 2);
		note(`${reply.comments.length} comments`);
		assert.ok(reply.comments.length >= 15);
	});
}

test("apache-fcgid: with FcgidBusyTimeout as it comes, it does not live that long", async () => {
	const reply = await started.control;
	assert.ok(reply.said.length < 2, reply.text);
});

await run(stopAll);
