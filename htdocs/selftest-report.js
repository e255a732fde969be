/*
 * selftest-report: what was found, as plain text for whoever keeps the
 * server.  It holds nothing that a caller had to keep secret.
 */

function table(rows) {
	const cells = [["tick", "sent ms", "arrived ms", "late ms"],
		...rows.map(({ tick, sent, arrived, late }) =>
			[tick, sent, arrived, late].map((n) => String(Math.round(n))))];
	return cells.map((row) =>
		row.map((cell) => cell.padStart(11)).join("").trimEnd());
}

/* said: what the page says of it, {headline, details, notes: [{text, line}]};
 * when, browser: ISO date, and what the browser calls itself. */
export function reportOf(seen, found, said, { when, browser }) {
	const { server } = seen;
	const facts = [
		["verdict", found.verdict],
		["answered by", found.by],
		["address", seen.asked],
		["redirected to", seen.address === seen.asked ? "" : seen.address],
		["status", seen.reached
			? `${seen.status} ${seen.type}`.trimEnd() : "none"],
		["error", (seen.error ?? seen.failure)?.code],
		["server", server?.software || seen.serverHeader],
		["gateway", server?.gateway],
		["protocol", server?.protocol],
		["protocol in the browser", seen.http],
		["in front", found.front],
		["compressed", found.compressed],
		["Authorization", found.authorization],
		["blocks", found.times.blocks],
		["done", seen.done],
		["request", seen.requestId],
	];
	return [
		`agentcgi self-test, ${when}`,
		"",
		said.headline,
		...said.details,
		...said.notes.flatMap(({ text, line }) => [`- ${text}`,
			...line.split("\n").filter(Boolean).map((part) => `    ${part}`)]),
		"",
		...facts.filter(([, value]) => value)
			.map(([name, value]) => `${name}: ${value}`),
		...(found.times.rows.length > 0 ? ["", ...table(found.times.rows)] : []),
		"",
		`browser: ${browser}`,
		"",
	].join("\n");
}
