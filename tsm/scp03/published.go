package scp03

import (
	"crypto/sha256"
	"encoding/binary"
)

// published tells whether a key is one that stands in public. The keys themselves are not here: eight bytes of their
// SHA-256 are enough to know them again.
func published(key []byte) bool {
	sum := sha256.Sum256(key)
	switch binary.BigEndian.Uint64(sum[:]) {
	// SP 800-38A, SP 800-38B and RFC 4493: the keys of their examples.
	case 0xd4ffb8b77f7d6b26, 0x80fa5ff8e512e1d1, 0xb93c72b74bc8487d:
		return true
	// Gemplus: GEMXPRESSOSAMPLE.
	case 0x76e685103a357231:
		return true
	// NXP: what SE050, SE051 and A5000 leave the factory with, 15 sets, in public as part of host software (plug-and-trust).
	case 0xa97d7e385e275ee5, 0x27732830a7481cbb, 0x4e620d429ea66540, 0x17febec335ac6625, 0x6e4b876dbdfc3374,
		0x3c593d6cbd52781d, 0x742b8c7c8d28ba2c, 0x3b6114efb0f1c23a, 0x05b9bf8024918807, 0x1db0f07e7a2b9856,
		0xe38798d2b2b47a7a, 0xf198e25da619fa02, 0xfda1ce991d13b5bb, 0x01e81737054a4d27, 0x6b05c46e1b8c4c73,
		0x0fd71e1a8af42915, 0x7a6e6fdab262144e, 0x43488e3031803fa3, 0xbd10d2c1891b010a, 0xadabfed735258556,
		0x88d0290878721a51, 0xe57ea58a807aab4d, 0x077aceb40afc1fbb, 0x3049ca47a34d6b76, 0x7e7605aa200d8a41,
		0xf4bdd765f00970d7, 0xe0280cfa64d2be43, 0x2bf09ca38b6e6140, 0xa767cc7dd37e4f52, 0xe21a67aabd4f7175,
		0xe52aa4a0f984ffb5, 0x98dbf3793d0dffe8, 0xa29e1d4e32573353, 0x1cc6ccdcc32487d1, 0xca6fdd671c6709f9,
		0x7b514da5d8b4cbc8, 0x99ac268cf6a1d662, 0x18873ecdf6a65a32, 0xd3aec7bcc78cc461, 0x95c2b05a99a1f03b,
		0x7294264bf799416c, 0x7855fb5f6f897b0f, 0x2434517e69a7b3b0, 0x434100df29f07e48, 0x581e88f70fd3bef2:
		return true
	// The recorded sessions of osmocom, Samsung, javacard-express and kaoh.
	case 0x76083d8948af9011, 0x1b305d34470be4bf, 0x32c1d7bd93bd65d2, 0x806f7f6aaaa65a52, 0xf2a63afa4ba53293,
		0xe6bf0cdd848b28a1, 0x096df7c01cbde6aa, 0x9ef35b9d1dfad941, 0x9857d61c9381d2a9, 0xc6214784ada3f29d,
		0x9c09c1d807037b22, 0x848fd941bbd7a8ae, 0x64e49947ab5e94f5, 0x76b13dc48628e2a6, 0xa6afeeb05ab313dc,
		0xb0cc79aa91f817e9, 0x50a8862504b13077, 0xe4126e4b4b3bdf18, 0x73c233883638e01c, 0x1ca6185974d3ad56,
		0x6aa5cbcbb0e2841a, 0x7b9011d5218863df, 0x90a87ce8a3cc46a9, 0xa988c18114b2012d, 0xe332dd14175b2189,
		0xb56f67b02249e86e, 0x014a7a316f790f01, 0x7075c70fb59f1493, 0x48470dbfc1a6e56c, 0x72ddc2818a833732,
		0x19341158086c71ce, 0x6e860c3f0df7a621, 0xce6f3b645d7ab081, 0x1d4ecf2560dbfbac, 0x9e076edf2ee4f895,
		0xc581c3d5a93fa5bb, 0x054df91d03325ecf, 0x3794cdef7d9a7bb7, 0x2667004375f05ab3, 0xac1a2ec06ba48702,
		0x9d92ee6803156894, 0x2fc5bada984dc08b, 0x126cda96b6aa949a, 0x0d6aca13e9c74dfa, 0xf54426de4dd7e9f1,
		0xf86d143e888950c5, 0x921797e59bf358ff, 0x1b2de56ba76b1b93, 0x91bb6250363214d1, 0xd15649488efd3c44,
		0xe852bb8d0394c991, 0x18ec8670612b4ed0, 0x4ead81346cc19e64, 0x4e237c1abd517535, 0x8de8cc5c770f373f,
		0x10fd656f514fb0fc, 0xb08f5024a773c616, 0x4cf94ce84f131716, 0xe50fd8407fce3628, 0x29ae0f18d9d29da0,
		0xb27952e9490c63e0:
		return true
	}
	return false
}
