// Keys that end while requests come: renewed once each time and ahead of
// their end, whatever the crowd; and what happens when that fails.
//
// The stand-ins give keys that live for seconds.  By the rule in
// src/credentials/credentials.h keys that come with so little are renewed when
// half of it is left, so two questions are never nearer than that.

import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startKeyServers } from "../upstream/keys.mjs";
import { ACCOUNT, startUpstream } from "../upstream/upstream.mjs";
import { startBed } from "../lib/servers.mjs";
import { assertClean, assertRefused, assertStream, visible } from "../lib/check.mjs";
import { stopAll, temporary, until } from "../lib/proc.mjs";
import { assert, note, run, test } from "../lib/tap.mjs";

const LIFE_S = 6;
const HALF_S = LIFE_S / 2;
const MANY = 1000;
const WAVE = 50;
const GENERATIONS = 4; // three ends of keys are seen by streams
const LONG_MS = 1000 * (LIFE_S + 1);
const CROWD = 30;
// For so long, keys that have just come are not given up: PAUSE_MS.
const FRESH_MS = 1000;
const PATIENCE_MS = 60_000;

const ROLE = `arn:aws:iam::${ACCOUNT}:role/renewed`;
const CALLER = { accessKeyId: "AKIDCALLER", secretAccessKey: "secret/of+caller=" };
const PROCESS = (n) => ({ accessKeyId: `AKIDPROCESS${n}`, secretAccessKey: `printed/secret+${n}=`,
	sessionToken: `IQoJ//printed${n}+==` });
const ROLE_CONFIG = `[default]
role_arn = ${ROLE}
source_profile = caller
[profile caller]
aws_access_key_id = ${CALLER.accessKeyId}
aws_secret_access_key = ${CALLER.secretAccessKey}
`;

/* Of each source: the server that is asked, the name its keys have with the
 * mint, what leads there, what fails it for as long as it is set (back: no
 * more), and what the log then says. */
const SOURCES = {
	instance: { server: "imds", issues: "imds", env: () => ({}),
		fail: { tokenStatus: 503 }, back: { tokenStatus: 0 } },
	container: { server: "container", issues: "container",
		env: (servers) => ({ AWS_CONTAINER_CREDENTIALS_FULL_URI: servers.container.url }),
		fail: { statuses: Array(10_000).fill(500) }, back: { statuses: [] },
		says: /error: the container's endpoint answered 500/ },
	role: { server: "sts", issues: "role", config: ROLE_CONFIG, env: () => ({}),
		fail: { error: { status: 503, code: "ServiceUnavailable" } }, back: { error: null },
		says: /error: STS answered AssumeRole with 503 ServiceUnavailable/ },
};
const ALL = Object.keys(SOURCES);

const signer = (request) =>
	/Credential=([^/]+)\//.exec(request.headers.authorization ?? "")?.[1];
const second = (ms) => Math.floor(ms / 1000);

/* Key servers, an upstream that knows their keys, and a bed between the two.
 * options: lifetime (of keys), patient (the upstream takes keys beyond their
 * time), config and files (below HOME), known (credentials besides), env, and
 * startBed's. */
class Rig {
	constructor(source, options) {
		this.source = SOURCES[source] ?? { server: "sts", issues: "none", env: () => ({}) };
		this.options = options;
		this.revoked = new Set();
		this.revokeAll = false;
		this.replies = [];
		this.taken = 0; /* of the upstream's requests */
	}

	async start() {
		const { lifetime, patient, known = [], config, files, env, ...rest } = this.options;
		this.servers = await startKeyServers({ credentials: [CALLER] });
		const { mint } = this.servers;
		const all = () => mint.issued.map((k) => k.accessKeyId);
		this.server = this.servers[this.source.server];
		if (lifetime)
			this.server.set({ lifetime });
		this.upstream = await startUpstream({
			credentials: (now) => [...known, ...(patient ? mint.issued : mint.credentials(now))],
			expired: (now) => [...this.revoked, ...(this.revokeAll ? all() : []),
				...(patient ? [] : mint.expired(now))],
		});
		this.home = temporary();
		fs.chmodSync(this.home, 0o755);
		const aws = config ?? this.source.config;
		for (const [name, text] of Object.entries({ ...(aws && { config: aws }), ...files }))
			fs.writeFileSync(path.join(this.home, name), text.replaceAll("@home@", this.home),
				{ mode: 0o644 });
		this.bed = await startBed({ upstream: this.upstream, ...rest, env: {
			AWS_ACCESS_KEY_ID: undefined,
			AWS_SECRET_ACCESS_KEY: undefined,
			AWS_EC2_METADATA_DISABLED: undefined,
			AWS_REGION: "us-west-2",
			AWS_CONFIG_FILE: path.join(this.home, "config"),
			AWS_EC2_METADATA_SERVICE_ENDPOINT: this.servers.imds.url,
			AWS_METADATA_SERVICE_TIMEOUT: "5",
			AWS_METADATA_SERVICE_NUM_ATTEMPTS: "3",
			AWS_ENDPOINT_URL_STS: this.servers.sts.url,
			...this.source.env(this.servers),
			...env,
		} });
		return this;
	}

	get issued() {
		return this.servers.mint.issued.filter((k) => k.source === this.source.issues);
	}

	async ask(prompt = "hello") {
		const reply = await this.bed.answer(prompt);
		this.replies.push(reply);
		return reply;
	}

	async served(prompt) {
		const reply = await this.ask(prompt);
		assertStream(reply);
		return reply;
	}

	crowd(n = CROWD) {
		return Promise.all(Array.from({ length: n }, () => this.served()));
	}

	// What has come to the upstream since this was asked last.
	async news() {
		const requests = (await this.upstream.requests()).slice(this.taken);
		this.taken += requests.length;
		return requests;
	}

	async signers() {
		return (await this.news()).map(signer);
	}

	// Nothing of the keys anywhere; then the end.
	async stop() {
		const secrets = [ROLE, ACCOUNT, "arn:aws",
			...[CALLER, ...(this.options.known ?? []), ...this.servers.mint.issued].flatMap((k) =>
				[k.accessKeyId, k.secretAccessKey, k.sessionToken].filter(Boolean))];
		assertClean(this.bed.log(), "the log", secrets);
		for (const reply of this.replies)
			assertClean(visible(reply), "an answer", secrets);
		await this.bed.stop();
		await Promise.all([this.upstream.close(), this.servers.close()]);
	}
}

async function withRig(source, options, fn) {
	const rig = await new Rig(source, options).start();
	try {
		await fn(rig);
	} catch (error) {
		note(rig.bed.log().slice(-1500));
		throw error;
	}
	await rig.stop();
}

/* times: when keys were given out.  late: how often the machine was so slow
 * that a question was given up and asked again. */
function assertRule(times, late = 0) {
	const gaps = times.slice(1).map((at, i) => second(at) - second(times[i]));
	assert.ok(gaps.filter((gap) => gap < HALF_S).length <= late,
		`keys came ${gaps.join(", ")} s after those before`);
}

/* ---- crowds ---- */

async function wave(rig, number, long) {
	const short = Array.from({ length: WAVE }, async (_, i) => {
		const tag = `w${number}-${i}`;
		const reply = await rig.served(`[[sse n=3 t=20 tag=${tag}]]`);
		assert.deepEqual(reply.said.map((e) => JSON.parse(e.data).split(" ")[1]), [tag, tag, tag]);
	});
	// One that goes on when its keys have ended.
	if (number % 4 === 0)
		long.push(rig.served(`[[sse n=2 t=${LONG_MS}]]`));
	await Promise.all(short);
}

for (const source of ALL) {
	test(`${source}: ${MANY} streams over three ends of keys, all complete`, async () => {
		await withRig(source, { lifetime: LIFE_S }, async (rig) => {
			const used = new Map();
			const long = [];
			let refused = 0;
			for (let i = 0; i * WAVE < MANY || used.size < GENERATIONS; i++) {
				await wave(rig, i, long);
				for (const request of await rig.news()) {
					if (request.refused) {
						refused++;
						assert.match(request.refused, /^ExpiredToken/);
					}
					used.set(signer(request), (used.get(signer(request)) ?? 0) + 1);
				}
				await sleep(600);
			}
			await Promise.all(long);
			const { issued } = rig;
			const late = rig.bed.log().match(/no answer from/g)?.length ?? 0;
			note(`${rig.replies.length} streams, ${issued.length} times keys, `
				+ `signed with each: ${issued.map((k) => used.get(k.accessKeyId) ?? 0).join(", ")}; `
				+ `expired on the way: ${refused}`);
			assert.ok(rig.replies.length >= MANY);
			assertRule(issued.map((k) => k.at), late);
			// The first and one more for each half of a life, no more.
			const span = second(issued.at(-1).at) - second(issued[0].at);
			assert.ok(issued.length <= 1 + late + span / HALF_S);
			const ids = issued.map((k) => k.accessKeyId);
			assert.deepEqual([...used.keys()].filter((id) => !ids.includes(id)), []);
			assert.ok(used.size >= GENERATIONS);
		});
	});
}

/* ---- in the background ---- */

// By then half of their time is over.
const HANGING = { instance: 14, container: 12 };

for (const [source, lifetime] of Object.entries(HANGING)) {
	test(`${source}: who has the keys hangs; nobody waits for it`, async () => {
		await withRig(source, { lifetime }, async (rig) => {
			await rig.crowd();
			const [first] = rig.issued;
			assert.equal(rig.issued.length, 1);
			rig.server.set({ hang: true });
			const asked = rig.server.requests.length;
			await until(async () => {
				await rig.served();
				return rig.server.requests.length > asked;
			}, "the renewal", PATIENCE_MS);
			// Answered while the question is still open, and the only one.
			assert.equal(rig.server.requests.length, asked + 1);
			assert.doesNotMatch(rig.bed.log(), /no answer from/);
			await rig.crowd();
			assert.deepEqual([...new Set(await rig.signers())], [first.accessKeyId]);
			rig.server.set({ hang: false, lifetime: 3600 });
			await until(async () => {
				await rig.served();
				return (await rig.signers()).at(-1) !== first.accessKeyId;
			}, "the new keys", PATIENCE_MS);
			await rig.crowd();
			assert.deepEqual([...new Set(await rig.signers())], [rig.issued[1].accessKeyId]);
			assert.equal(rig.issued.length, 2);
		});
	});
}

/* ---- no new keys ---- */

for (const source of ["container", "role"]) {
	test(`${source}: no new keys until the old ones end: 503, and it recovers`, async () => {
		await withRig(source, { lifetime: 4 }, async (rig) => {
			await rig.served();
			const [first] = rig.issued;
			rig.server.set(rig.source.fail);
			const refusal = await until(async () => {
				const reply = await rig.ask();
				if (reply.status === 503)
					return reply;
				assertStream(reply);
			}, "the end of the keys", PATIENCE_MS);
			assert.ok(Date.now() >= first.expiration.getTime(), "not before");
			assertRefused(refusal, 503, "no_credentials");
			assert.equal(refusal.headers["retry-after"], "30");
			assert.equal(refusal.json().error.retryable, true);
			assert.match(rig.bed.log(), rig.source.says);
			const { requestId } = refusal.json().error;
			await until(() => new RegExp(`request=${requestId} .*503`).test(rig.bed.log()),
				"the log to have it");
			// A crowd meanwhile is not a crowd of questions: one in each
			// second at most, of three attempts.
			await rig.news();
			const before = rig.server.requests.length;
			const begun = Date.now();
			const replies = await Promise.all(Array.from({ length: CROWD }, () => rig.ask()));
			const seconds = Math.ceil((Date.now() - begun) / 1000);
			replies.forEach((reply) => assertRefused(reply, 503, "no_credentials"));
			assert.ok(rig.server.requests.length - before <= 3 * (1 + seconds),
				`${rig.server.requests.length - before} questions`);
			assert.equal((await rig.news()).length, 0, "the upstream is not asked");

			rig.server.set({ ...rig.source.back, lifetime: 3600 });
			await until(async () => (await rig.ask()).status === 200, "new keys", PATIENCE_MS);
			await rig.crowd();
			assert.deepEqual([...new Set(await rig.signers())], [rig.issued[1].accessKeyId]);
		});
	});
}

for (const asked of [true, false]) {
	test(`instance: no new keys, and the old ones serve on${asked ? "" : ", asked for only then"}`, async () => {
		await withRig("instance", { lifetime: 4, patient: true }, async (rig) => {
			await rig.served();
			const [first] = rig.issued;
			rig.server.set(rig.source.fail);
			while (Date.now() <= first.expiration.getTime() + 1000) {
				if (asked)
					await rig.served();
				await sleep(100);
			}
			await rig.crowd();
			assert.deepEqual([...new Set(await rig.signers())], [first.accessKeyId]);
			assert.equal(rig.issued.length, 1);
			assert.match(rig.bed.log(), /warning: .*the old keys serve on/);
		});
	});
}

/* ---- keys that are refused ahead of their time ---- */

for (const source of ALL) {
	test(`${source}: keys are revoked: others, and signed once more`, async () => {
		await withRig(source, { lifetime: 3600 }, async (rig) => {
			await rig.served();
			const known = () => rig.issued.map((k) => k.accessKeyId);
			assert.deepEqual(await rig.signers(), known());
			await sleep(FRESH_MS + 500);
			rig.revoked.add(known()[0]);
			const reply = await rig.served("one two three");
			assert.deepEqual(reply.said.map((e) => JSON.parse(e.data)), ["one ", "two ", "three"]);
			assert.equal(rig.issued.length, 2);
			assert.deepEqual(await rig.signers(), known(), "exactly two attempts");
			await rig.served();
			assert.deepEqual(await rig.signers(), [known()[1]]);

			// All of a crowd are refused, one asks.
			await sleep(FRESH_MS + 500);
			rig.revoked.add(known()[1]);
			await rig.crowd();
			assert.equal(rig.issued.length, 3);
			const signers = await rig.signers();
			assert.equal(signers.filter((id) => id === known()[2]).length, CROWD);
			assert.ok(signers.length <= 2 * CROWD);

			// The new ones are as bad: no loop.
			await sleep(FRESH_MS + 500);
			rig.revokeAll = true;
			assertRefused(await rig.ask(), 502, "upstream_denied");
			assert.equal(rig.issued.length, 4);
			assert.deepEqual(await rig.signers(), known().slice(2), "exactly two attempts");
			assert.match(rig.bed.log(), /upstream answered 403 ExpiredTokenException: the keys have expired/);
			rig.revokeAll = false;
			await rig.served();
		});
	});
}

/* ---- a process for each request ---- */

const CGI = { front: "lighttpd-cgi" };
const mode = (file) => (fs.statSync(file).mode & 0o777).toString(8);

test("cgi: ten requests, and STS is asked once", async () => {
	await withRig("role", CGI, async (rig) => {
		const { state_dir } = rig.bed.globals;
		const kept = () => fs.readdirSync(state_dir).filter((name) => name !== "conversations");
		for (let i = 0; i < 10; i++)
			await rig.served();
		assert.equal(rig.servers.sts.requests.length, 1);
		assert.deepEqual(await rig.signers(), Array(10).fill(rig.issued[0].accessKeyId));
		assert.match(kept().join(" "), /^keys-[0-9a-f]{32}$/, "one file, no temporary one");
		const file = path.join(state_dir, kept()[0]);
		assert.equal(mode(file), "600");

		fs.chmodSync(file, 0o644);
		await rig.served();
		assert.equal(rig.servers.sts.requests.length, 2, "others could read it");
		assert.equal(mode(file), "600");
		await rig.served();
		assert.equal(rig.servers.sts.requests.length, 2);
		assert.deepEqual(await rig.signers(), Array(2).fill(rig.issued[1].accessKeyId));

		fs.writeFileSync(file, fs.readFileSync(file).subarray(0, -20));
		await rig.served();
		assert.equal(rig.servers.sts.requests.length, 3, "half a file");

		rig.revoked.add(rig.issued[2].accessKeyId);
		await rig.news();
		await rig.served();
		await rig.served();
		assert.deepEqual(await rig.signers(), [2, 3, 3].map((i) => rig.issued[i].accessKeyId),
			"revoked: replaced, also in the file");
		assert.match(kept().join(" "), /^keys-[0-9a-f]{32}$/);
	});
});

test("cgi: twenty at once leave one file", async () => {
	await withRig("role", CGI, async (rig) => {
		await rig.crowd(20);
		const asked = rig.servers.sts.requests.length;
		note(`STS was asked ${asked} times`);
		assert.ok(asked >= 1 && asked <= 20);
		assert.match(fs.readdirSync(rig.bed.globals.state_dir).join(" "), /^keys-[0-9a-f]{32}$/);
		await rig.served();
		assert.equal(rig.servers.sts.requests.length, asked);
	});
});

test("cgi: keys that soon end are not taken from the file", async () => {
	await withRig("role", { ...CGI, lifetime: 30 }, async (rig) => {
		for (let i = 1; i <= 3; i++) {
			await rig.served();
			assert.equal(rig.servers.sts.requests.length, i);
		}
	});
});

for (const [what, prepare] of Object.entries({
	"that cannot be written": (rig) => rig.bed.writeConfig({ state_dir: "/proc" }),
	"that is not there": (rig) =>
		rig.bed.writeConfig({ state_dir: path.join(rig.home, "none") }),
	"that others may write to": (rig) => fs.chmodSync(rig.bed.globals.state_dir, 0o777),
})) {
	test(`cgi: a state_dir ${what}: it works, and STS is asked each time`, async () => {
		await withRig("role", CGI, async (rig) => {
			prepare(rig);
			for (let i = 1; i <= 3; i++) {
				await rig.served();
				assert.equal(rig.servers.sts.requests.length, i);
			}
			await until(() => /warning: .*cannot keep keys/.test(rig.bed.log()), "the log to say it");
		});
	});
}

/* ---- a program that prints keys ---- */

// Each time others, which live as long as those of the servers.
const SCRIPT = `date +%s >> @home@/calls
n=$(($(wc -l < @home@/calls)))
end=$(date -u -d "@$(($(tail -n 1 @home@/calls) + ${LIFE_S}))" +%Y-%m-%dT%H:%M:%SZ)
cat << END
{"Version": 1, "AccessKeyId": "AKIDPROCESS$n", "SecretAccessKey": "printed/secret+$n=",
 "SessionToken": "IQoJ//printed$n+==", "Expiration": "$end"}
END
`;

test("credential_process: called once for many requests, and again ahead of the end", async () => {
	await withRig("process", { known: Array.from({ length: 100 }, (_, i) => PROCESS(i + 1)),
		config: "[default]\ncredential_process = sh @home@/keys.sh\n",
		files: { "keys.sh": SCRIPT } }, async (rig) => {
		const calls = () => fs.readFileSync(path.join(rig.home, "calls"), "utf8")
			.trim().split("\n").map((s) => 1000 * Number(s));
		await rig.crowd();
		assert.deepEqual([...new Set(await rig.signers())], ["AKIDPROCESS1"]);
		assert.equal(calls().length, 1);
		const used = new Set();
		await until(async () => {
			await rig.crowd(10);
			(await rig.signers()).forEach((id) => used.add(id));
			return used.size >= 3;
		}, "keys of the third call", PATIENCE_MS);
		assertRule(calls());
	});
});

await run(stopAll);
