package cardsim

// ATR is the answer to reset of the current card on contacts (T=1), a fresh copy.
func (k *Card) ATR() []byte { return append([]byte{0x3B}, contactATR...) }
