// Runs the mdoc library of another maker for npm_test.go. A list of requests in JSON on standard input, the list of answers in
// JSON on standard output; bytes are hex. The library takes the time from the clock, so the clock is set first.
import { readFileSync } from 'node:fs';

const { at: time, requests } = JSON.parse(readFileSync(0, 'utf8'));
const at = Date.parse(time);
const Clock = Date;
globalThis.Date = class Date extends Clock {
  constructor(...args) {
    if (args.length === 0) super(at);
    else super(...args);
  }

  static now() {
    return at;
  }
};

const { default: library } = await import('@auth0/mdl');
const { DeviceResponse, Document, MDoc, Verifier } = library;
const bytes = (hex) => Buffer.from(hex, 'hex');

// verify lists every check of the library that did not pass; a response that it cannot read is one as well.
async function verify(request) {
  const checks = [];
  const failed = [];
  try {
    await new Verifier([request.root]).verify(bytes(request.response), {
      encodedSessionTranscript: bytes(request.transcript),
      ephemeralReaderKey: request.readerKey && bytes(request.readerKey),
      onCheck: ({ status, check, reason }) => {
        checks.push(check);
        if (status !== 'PASSED') failed.push(`${check}: ${reason ?? ''}`);
      },
    });
  } catch (error) {
    failed.push(`error: ${error.message}`);
  }
  return { checks, failed };
}

// present issues a document and answers with it.
async function present(request) {
  const issued = await new Document(request.docType)
    .addIssuerNameSpace(request.nameSpace, request.elements)
    .addValidityInfo({ signed: new Date(), validFrom: new Date(), validUntil: new Date(request.until) })
    .addDeviceKeyInfo({ deviceKey: request.devicePublicKey })
    .sign({ issuerPrivateKey: request.signerKey, issuerCertificate: request.signer, alg: 'ES256' });
  const answer = DeviceResponse.from(new MDoc([issued]).encode())
    .usingPresentationDefinition({
      id: 'request',
      input_descriptors: [{
        id: request.docType,
        format: { mso_mdoc: { alg: ['ES256'] } },
        constraints: {
          limit_disclosure: 'required',
          fields: request.ask.map((name) => ({ path: [`$['${request.nameSpace}']['${name}']`], intent_to_retain: false })),
        },
      }],
    })
    .usingSessionTranscriptBytes(bytes(request.transcript));
  if (request.readerKey) answer.authenticateWithMAC(request.deviceKey, bytes(request.readerKey), 'HS256');
  else answer.authenticateWithSignature(request.deviceKey, 'ES256');
  return { response: Buffer.from((await answer.sign()).encode()).toString('hex') };
}

const answers = [];
for (const request of requests) answers.push(await { verify, present }[request.do](request));
process.stdout.write(JSON.stringify(answers));
