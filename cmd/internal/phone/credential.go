package phone

import (
	"context"
	"crypto/ecdh"
	"encoding/asn1"
	"fmt"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/doctype"
	"mobileid/mdoc/holder"
	"mobileid/mdoc/provisioning"
	"mobileid/tsm/applet"
)

// AskPIN has the holder type the PIN of the secure element: once for each use of a device key.
type AskPIN func(ctx context.Context) (string, error)

// PurposeIndividualNumber is the extended key usage that a reader's certificate must carry before the individual number is
// offered to it (番号法 第19条, 第20条). No certificate made here carries it. It lies under the arc of UUIDs.
func PurposeIndividualNumber() asn1.ObjectIdentifier {
	return asn1.ObjectIdentifier{2, 25, 1874139861, 1}
}

// Restrictions are the elements a wallet keeps from readers that are not certified for them.
func Restrictions() []holder.Restriction {
	return []holder.Restriction{{NameSpace: doctype.NameSpaceJP, Identifier: "individual_number_unicode", Purpose: PurposeIndividualNumber()}}
}

// Credential reads the credential of a slot out of the secure element. Each use of its key asks for the PIN again.
func Credential(ctx context.Context, se apdu.Transmitter, slot byte, ask AskPIN) (*holder.Credential, []byte, error) {
	client := applet.NewClient(se, slot)
	info, err := client.Info(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("looking into slot %d of the secure element: %w", slot, err)
	}
	key := presence{client: client, ask: ask}
	if err := key.prove(ctx); err != nil {
		return nil, nil, err
	}
	issued, err := client.Credential(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("reading slot %d of the secure element: %w", slot, err)
	}
	proof := holder.BySignature
	if info.Purpose == provisioning.PurposeMAC {
		proof = holder.ByMAC
	}
	c, err := holder.NewCredential(issued, key, proof)
	return c, issued, err
}

// presence is a device key that is used only after the holder's PIN.
type presence struct {
	client *applet.Client
	ask    AskPIN
}

func (p presence) prove(ctx context.Context) error {
	pin, err := p.ask(ctx)
	if err != nil {
		return fmt.Errorf("asking for the PIN: %w", err)
	}
	if err := p.client.VerifyPIN(ctx, pin); err != nil {
		return fmt.Errorf("proving presence to the secure element: %w", err)
	}
	return nil
}

// SignDevice asks for the PIN and has the element sign.
func (p presence) SignDevice(ctx context.Context, sigStructure []byte) ([]byte, error) {
	if err := p.prove(ctx); err != nil {
		return nil, err
	}
	return p.client.SignDevice(ctx, sigStructure)
}

// MACDevice asks for the PIN and has the element compute the MAC.
func (p presence) MACDevice(ctx context.Context, eReaderKey *ecdh.PublicKey, salt, macStructure []byte) ([]byte, error) {
	if err := p.prove(ctx); err != nil {
		return nil, err
	}
	return p.client.MACDevice(ctx, eReaderKey, salt, macStructure)
}
