package cardsim

import "mobileid/issuer/card"

// generation tells the profiles of a card apart.
type generation uint8

const (
	currentGeneration generation = 1
	nextGeneration    generation = 2
)

// Applications that a reading does not touch. The numbers go on from those of package card.
const (
	common   card.Application = 4 // 共通カードAP
	register card.Application = 5 // 住基AP
	nextAuth card.Application = 6 // 認証AP of the next generation
	nextFace card.Application = 7 // 券面等AP of the next generation
)

// application is one that can be selected; the first is the Issuer Security Domain, which has no files.
type application struct {
	id  card.Application
	aid []byte
	fci []byte // answer to a SELECT that asks for it
}

// applicationsOf are in the order in which a SELECT by prefix finds them.
func applicationsOf(g generation) []application {
	list := []application{{id: 0, aid: []byte{0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00}}}
	if g == nextGeneration {
		list = append(list, application{id: nextAuth, aid: []byte(nextAuthAID)}, application{id: nextFace, aid: []byte(nextFaceAID)})
	} else {
		list = append(list,
			application{id: common, aid: []byte{0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x01, 0x00}},
			application{id: register, aid: []byte{0xD3, 0x92, 0x10, 0x00, 0x31, 0x00, 0x01, 0x01, 0x04, 0x01}},
			application{id: card.Face, aid: card.Face.AID()},
			application{id: card.Attributes, aid: card.Attributes.AID()},
			application{id: card.JPKI, aid: card.JPKI.AID()})
	}
	for i := range list {
		list[i].fci = outer(0x6F, object(0x84, list[i].aid))
	}
	return list
}
