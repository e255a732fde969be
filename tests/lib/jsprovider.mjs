// AWS's own chain of credential providers, with which ours is compared.  In a
// process of its own, because it reads the environment and remembers.

import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { start } from "./proc.mjs";

const SELF = fileURLToPath(import.meta.url);

/* What the chain finds with exactly this environment: {accessKeyId,
 * secretAccessKey, sessionToken, expiration (a Date)}, or {error: "Name:
 * message"}; also after patience in ms, as not every provider of AWS's has
 * a time limit.  provider: one of credential-providers' functions instead,
 * with init. */
export async function jsKeys({ env, profile, provider = "chain", init = {},
	patience = 30_000 }) {
	const child = start([process.execPath, "--no-warnings", SELF,
		JSON.stringify({ provider, init: { ...init, ...(profile && { profile }) } })],
	{ env, cwd: path.dirname(SELF) });
	const closed = new Promise((resolve) =>
		child.child.once("close", () => resolve("closed")));
	const ended = await Promise.race([closed, sleep(patience, null, { ref: false })]);
	await child.stop();
	if (!ended)
		return { error: `none: no answer after ${patience} ms` };
	const found = /^keys: (.*)$/m.exec(child.out());
	if (!found)
		throw new Error(`${SELF}: ${child.err()}`);
	const { expiration, ...keys } = JSON.parse(found[1]);
	return { ...keys, ...(expiration && { expiration: new Date(expiration) }) };
}

async function main({ provider, init }) {
	const get = provider === "chain"
		? (await import("@aws-sdk/credential-provider-node")).defaultProvider
		: (await import("@aws-sdk/credential-providers"))[provider];
	try {
		const { accessKeyId, secretAccessKey, sessionToken, expiration } = await get(init)();
		return { accessKeyId, secretAccessKey, sessionToken, expiration };
	} catch (error) {
		return { error: `${error.name}: ${error.message}` };
	}
}

if (process.argv[1] === SELF) {
	console.log(`keys: ${JSON.stringify(await main(JSON.parse(process.argv[2])))}`);
	process.exit(0);
}
