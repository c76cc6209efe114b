// Package jpkiap is what every token with 公的個人認証AP (JPKI-AP) shares, My Number card and phone alike: the AID, the files, the label and
// the form of the token information, the forms of the two secrets, and COMPUTE DIGITAL SIGNATURE.
//
// The application has no public specification; the files and commands are those that readers in the field rely on. The token information is
// CK_TOKEN_INFO of PKCS#11 v2.40 (3.2) written out. The package keeps nothing and trusts nothing; whether a secret was presented is for the
// token that uses it.
//
// Start at [AID] and [Sign].
package jpkiap
