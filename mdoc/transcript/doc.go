// Package transcript builds and reads the SessionTranscript of ISO/IEC 18013-5:2021, 9.1.5.1: the array that ties a
// presentation to one engagement, one reader key and one way of meeting.
//
// Device authentication, reader authentication and the session keys are all computed over it, so both ends have to hold
// the same bytes. A Transcript therefore keeps the DeviceEngagement, the EReaderKey and the NFC messages exactly as they
// were sent or received and never encodes them again.
//
// The package trusts nothing and judges nothing: a transcript is as good as the bytes given to it. Whether the keys inside
// are usable is for packages engagement and session to say.
//
// Start at [QR] and [NFC], online at [OpenID4VP], [OpenID4VPDCAPI], [AnnexB] and [AnnexC]; [Parse] reads one that somebody
// else built.
package transcript
