// Package policy is what a till asks for and what it accepts: the business rules that remain once a document has been
// proved genuine (ISO/IEC 18013-5 second edition draft, 13.4.6 for ages; for the rest the guideline on checking age for
// alcohol and tobacco of the Japan Franchise Association, 2023-01-31, as this project reads it).
//
// A [Profile] names few elements on purpose. It cannot keep anything (intentToRetain is always false), ask for more than
// two ages, or ask for the individual number, which the law keeps from shops.
//
// The package trusts the documents it is given to have passed every check of package mdoc: [Profile.Evaluate] adds its own
// checks to that verdict and [Decide] reads the whole. It does not compare faces: a member of staff does.
//
// Three things can come of a check, and nothing else: accepted, when every check passed; refused, when one failed;
// not confirmed, when something could not be known. Start at [AgeTill] and [Decide].
package policy
