// Package ble carries the messages of a proximity session over Bluetooth Low Energy (ISO/IEC 18013-5:2021, 8.3.3.1.1;
// second edition draft, 11.1): over the GATT characteristics of a service, in both modes and at both ends, and over an
// L2CAP channel.
//
// The radio itself is not here. What a platform offers is given to this package as a [Radio] or a [ClientRadio], one for
// each connection; scanning, advertising and the order of connecting are the caller's. [Connect] is for the end that is the
// GATT client: the reader in mdoc peripheral server mode, the mdoc in mdoc central client mode. [Serve] is for the other.
// [NewStream] is for an L2CAP channel that has been opened. Each gives a [transport.Conn].
//
// Nothing that comes over the radio is trusted: every part and every message is bounded, and a part that breaks the rules
// ends the connection. Ident tells a mdoc that it has reached the reader that saw its engagement; it authenticates nobody,
// and the session above does not rely on it. Link-layer security is not used: the standard forbids to depend on pairing.
package ble
