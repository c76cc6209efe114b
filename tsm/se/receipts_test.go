package se_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"mobileid/mdoc/apdu"
	"mobileid/mdoc/mdoctest"
	"mobileid/tsm/gp"
	"mobileid/tsm/se"
	"mobileid/tsm/se/nvm"
)

// The published receipts, made by an element with that key and identity as it does the very operation.
func TestPublishedReceipts(t *testing.T) {
	var file struct {
		Receipts []struct {
			What     string   `json:"what"`
			Key      string   `json:"key"`
			Counter  string   `json:"confirmation_counter"`
			CardData string   `json:"card_unique_data"`
			AIDs     []string `json:"aids"`
			Input    string   `json:"mac_input"`
			Receipt  string   `json:"receipt"`
			Answer   string   `json:"response_data"`
		} `json:"receipts"`
	}
	mdoctest.ReadJSON(t, filepath.Join("scp03", "tokens-receipts.json"), &file)
	if len(file.Receipts) != 3 {
		t.Fatalf("%d receipts", len(file.Receipts))
	}
	for _, v := range file.Receipts {
		t.Run(v.What, func(t *testing.T) {
			e := newElement(t)
			e.Factory.ID, e.Factory.Unloaded = mdoctest.Hex(t, v.CardData), v.What == "load"
			e.Again(t)
			var aids []gp.AID
			for _, a := range v.AIDs {
				aids = append(aids, gp.AID(mdoctest.Hex(t, a)))
			}
			if v.What == "delete" {
				s := open(t, e, se.Config{})
				drive(t, s, e.Factory.Keys, gp.ISD).installDomain(aids[0], gp.SecurityDomain, apdu.OK)
				closeSE(t, s)
			}
			counter := mdoctest.Hex(t, v.Counter)
			before := []byte{counter[0], counter[1] - 1}
			// PUT KEY would refuse this key.
			stored(t, e.Path, nvm.Change{Key: "isd/key/71", Value: mdoctest.Hex(t, v.Key)}, nvm.Change{Key: "se/confirmation", Value: before})
			isd := drive(t, open(t, e, se.Config{}), e.Factory.Keys, gp.ISD)
			var answer []byte
			switch v.What {
			case "delete":
				answer = isd.do(gp.Delete{AID: aids[0]}, apdu.OK)
			case "install":
				answer = isd.do(gp.Install{LoadFile: aids[0], Module: gp.AID(testModule), Instance: aids[1]}, apdu.OK)
			case "load":
				isd.do(gp.InstallLoad{LoadFile: aids[0], Domain: aids[1]}, apdu.OK)
				blocks, err := gp.Load(gp.LoadFileData{File: capFile(aids[0], 1, 20, gp.AID(testModule))}.Bytes(), 0)
				if err != nil {
					t.Fatal(err)
				}
				answer = isd.send(blocks[0], apdu.OK)
			default:
				t.Fatalf("%s", v.What)
			}
			if !bytes.Equal(answer, mdoctest.Hex(t, v.Answer)) {
				t.Errorf("answered %X, published %s", answer, v.Answer)
			}
			r, err := gp.ParseConfirmation(answer)
			if err != nil || !bytes.Equal(r.MAC, mdoctest.Hex(t, v.Receipt)) || !bytes.Equal(r.Input(aids...), mdoctest.Hex(t, v.Input)) {
				t.Errorf("%+v, %v", r, err)
			}
		})
	}
}
