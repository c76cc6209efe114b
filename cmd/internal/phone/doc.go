// Package phone is the phone's part of the story, as glue: it taps the card, talks to the issuer's doors, lets the TSM reach
// the secure element, and turns what the element holds into documents that can be shown.
//
// It keeps no secret and no credential: keys, PIN counter and credential stay in the secure element, the card's secrets
// are forgotten after the tap. What it proves to the issuer, the card proves.
package phone
