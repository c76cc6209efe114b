package seram

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// The doors, relative to the server's base, and the query parameter of the
// last two.
const (
	PathOrder            = "/gp/seram/order"
	PathHandshake        = "/gp/seram/handshake"
	PathRemoteManagement = "/gp/seram/remoteManagement"
	QuerySession         = "sessionId"
)

// The only protocol, format and version the server offers.
const (
	TransportHTTPS = "HTTPS"
	FormatJSON     = "application/json"
	Version200     = "2.0.0"
)

// SecureElement names a secure element (schema secureElement).
type SecureElement struct {
	SEType      string `json:"seType"` // eSE, iSE, uicc, euicc, ieuicc
	SEID        string `json:"seId"`   // here: hex of the 10 bytes of key diversification data
	SEExtraInfo string `json:"seExtraInfo,omitempty"`
}

// ID decodes SEID, which must be hex of 10 bytes in either case.
func (e SecureElement) ID() ([]byte, error) {
	id, err := hex.DecodeString(e.SEID)
	if err != nil || len(id) != SEIDSize {
		return nil, fmt.Errorf("reading secure element id: not hex of %d bytes", SEIDSize)
	}
	return id, nil
}

// SEIDSize is the size of the key diversification data that names an element.
const SEIDSize = 10

// NewSecureElement names the element of a phone that has one built in.
func NewSecureElement(id []byte) SecureElement {
	return SecureElement{SEType: "eSE", SEID: strings.ToUpper(hex.EncodeToString(id))}
}

// SessionRequest asks for a session (path /order, which the specification
// gives as an example only). Its other members are ignored.
type SessionRequest struct {
	SecureElements []SecureElement `json:"secureElements"`
}

// SessionAnswer is the 201 answer of /order.
type SessionAnswer struct {
	SessionID string `json:"sessionID"`
}

// HandshakeCommand is schema ramHandshakeCommand. An absent list means the one
// value there is.
type HandshakeCommand struct {
	SecureElements              []SecureElement `json:"secureElements"`
	SupportedTransportProtocols []string        `json:"supportedTransportProtocols,omitempty"`
	SupportedDataFormats        []string        `json:"supportedDataFormats,omitempty"`
	SupportedVersions           []string        `json:"supportedVersions,omitempty"`
	SupportedVersion            []string        `json:"supportedVersion,omitempty"` // as an example writes it
}

// Common tells whether both ends share protocol, format and version.
func (h HandshakeCommand) Common() bool {
	versions := slices.Concat(h.SupportedVersions, h.SupportedVersion)
	return offers(h.SupportedTransportProtocols, TransportHTTPS) &&
		offers(h.SupportedDataFormats, FormatJSON) && offers(versions, Version200)
}

func offers(list []string, want string) bool {
	return len(list) == 0 || slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, want) })
}

// HandshakeResponse is schema ramHandshakeResponse.
type HandshakeResponse struct {
	ChosenTransportProtocol string `json:"chosenTransportProtocol"`
	ChosenDataFormat        string `json:"chosenDataFormat"`
	ChosenVersion           string `json:"chosenVersion"`
}

// Status is schema localAgentStatusEnum.
type Status string

// The words of a Local Agent.
const (
	Polling         Status = "POLLING"   // first request, or nothing was ordered
	Processed       Status = "PROCESSED" // at least one command was executed
	UnavailableSE   Status = "UNAVAILABLE_SE"
	UngrantedAccess Status = "UNGRANTED_ACCESS"
	UnknownFailure  Status = "UNKNOWN_FAILURE"
)

// Report is schema remoteManagementReport: what the phone says.
type Report struct {
	LocalAgentStatus LocalAgentStatus `json:"localAgentStatus"`
	RAMResponses     []Response       `json:"ramResponses,omitempty"`
}

// LocalAgentStatus is the schema of that name. The error message is read by
// nobody: it is a stranger's text.
type LocalAgentStatus struct {
	Status                Status `json:"localAgentStatusEnum"`
	ExecutedSERAMCommands int    `json:"executedSeRamCommands"`
	ErrorMsg              string `json:"errorMsg,omitempty"`
}

// Response is schema ramResponse.
type Response struct {
	Type        string `json:"ramResponseType"`
	ListOfRAPDU APDUs  `json:"listOfRAPDU"`
}

// TypeResponse is the one type of Response.
const TypeResponse = "seRamResponse"

// Answers joins the APDU lists of the responses, in order.
func (r Report) Answers() [][]byte {
	var out [][]byte
	for _, response := range r.RAMResponses {
		for _, a := range response.ListOfRAPDU {
			out = append(out, a)
		}
	}
	return out
}

// Order is schema remoteManagementOrder: what the manager says.
type Order struct {
	Delay               *int           `json:"delay,omitempty"` // milliseconds before the next report; absent means DefaultDelay
	ChosenSecureElement *SecureElement `json:"chosenSecureElement,omitempty"`
	RAMCommands         []Command      `json:"ramCommands,omitempty"`
}

// DefaultDelay is the wait, in milliseconds, of an order that names none.
const DefaultDelay = 100

// Command is schema ramCommand.
type Command struct {
	Type        string `json:"ramCommandType"`
	ListOfCAPDU APDUs  `json:"listOfCAPDU,omitempty"`
	// Notification is for the app, of type notificationCommand.
	Notification string `json:"deviceAppNotification,omitempty"`
}

// The types of Command, and the names the schema's mapping has for two of them.
const (
	TypeStart        = "startCommand"
	TypeSERAM        = "seRamCommand"
	TypeNotification = "notificationCommand"
	TypeStop         = "stopCommand"

	typeStartMapped = "ramStartCommand"
	typeStopMapped  = "ramStopCommand"
)
