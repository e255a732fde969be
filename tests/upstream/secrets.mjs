// Whom the test upstream belongs to, and the words it must never see repeated
// to a client.

export const ACCOUNT = "123456789012";
export const ARN = `arn:aws:bedrock-agentcore:us-west-2:${ACCOUNT}:runtime/sample-abcdefghij`;
export const CREDENTIALS = {
	accessKeyId: "AKIDEXAMPLE",
	secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};

// What an upstream's message may hold, one of each kind.
export const LEAK =
	`zebrawords: agent blew up at ${ARN} (account ${ACCOUNT}) on ` +
	"ip-10-0-0-7.internal.example in /opt/secret/agent.py, key AKIALEAKEDEXAMPLE00";

// None of these may be in a byte that a client sees.
export const SECRETS = [
	"zebrawords",
	"arn:aws",
	"arn%3Aaws",
	ACCOUNT,
	"abcdefghij",
	"internal.example",
	"/opt/secret",
	"AKIALEAKED",
	CREDENTIALS.accessKeyId,
	CREDENTIALS.secretAccessKey,
	"bedrock-agentcore:",
	"x-amzn-errortype",
];
