// What a streaming Lambda relay does, on a plain request body and a plain writable:
// read the prompt, invoke the agent through the AWS SDK, pipe its answer on.
import { randomUUID } from 'node:crypto';
import { pipeline } from 'node:stream/promises';
import { BedrockAgentCoreClient, InvokeAgentRuntimeCommand } from '@aws-sdk/client-bedrock-agentcore';

const agentRuntimeArn = process.env.AGENT_RUNTIME_ARN;
// One Lambda serves one request at a time, so the SDK's default of 50 sockets never
// shows there; one process for many streams has to raise it or it stalls at 50.
const agent = { keepAlive: true, maxSockets: 20000 };
const client = new BedrockAgentCoreClient({
  region: process.env.AWS_REGION ?? 'us-west-2',
  endpoint: process.env.UP_BASE,
  requestHandler: { httpAgent: agent, httpsAgent: agent },
});

export async function handle(body, responseStream) {
  const { prompt = 'hello', sessionId = randomUUID() } = body ? JSON.parse(body) : {};
  const answer = await client.send(new InvokeAgentRuntimeCommand({
    agentRuntimeArn,
    runtimeSessionId: sessionId,
    payload: new TextEncoder().encode(JSON.stringify({ prompt })),
    qualifier: 'DEFAULT',
  }));
  await pipeline(answer.response, responseStream);
}
