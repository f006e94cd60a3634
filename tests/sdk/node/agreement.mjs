// Signs, validates and decodes with Twilio's own library what tests/agreement.rs hands over on
// standard input, and prints what came of it, as JSON.

import { readFileSync } from 'node:fs';
import jsonwebtoken from 'jsonwebtoken';
import twilio from 'twilio';

const input = JSON.parse(readFileSync(0, 'utf8'));

// Values of one name are an array, as a form parser gives them.
function parameters(pairs) {
  const names = new Map();
  for (const [name, value] of pairs) {
    names.set(name, [...(names.get(name) ?? []), value]);
  }
  const entries = [...names].map(([name, values]) => [name, values.length > 1 ? values : values[0]]);
  return Object.fromEntries(entries);
}

const signatures = input.webhooks.map(({ token, url, parameters: pairs }) =>
  twilio.getExpectedTwilioSignature(token, url, parameters(pairs)));
const verdicts = input.signed.map(({ token, url, parameters: pairs, signature }) =>
  twilio.validateRequest(token, signature, url, parameters(pairs)));

const { AccessToken } = twilio.jwt;
Date.now = () => input.now * 1000;
const tokens = input.tokens.map((token) => {
  const jwt = new AccessToken(token.account_sid, token.api_key, token.secret, {
    identity: token.identity,
    ttl: token.lifetime,
    region: token.region ?? undefined,
  });
  jwt.addGrant(new AccessToken.SyncGrant({
    serviceSid: token.service,
    endpointId: token.endpoint_id ?? undefined,
  }));
  if (token.room) {
    jwt.addGrant(new AccessToken.VideoGrant({ room: token.room }));
  }
  return jwt.toJwt();
});
const verified = input.tokens.map((token) =>
  jsonwebtoken.verify(token.ours, token.secret, { issuer: token.api_key, subject: token.account_sid }));

console.log(JSON.stringify({ signatures, verdicts, tokens, verified }));
