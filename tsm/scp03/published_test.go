package scp03

import (
	"errors"
	"testing"

	"mobileid/mdoc/mdoctest"
)

// The keys that NXP's elements leave the factory with, by product and OEF id, as NXP's own host software has them: plug-and-trust,
// sss/ex/inc/ex_sss_tp_scp03_keys.h.
func factorySets() [][4]string {
	return [][4]string{
		{"SE050A1", "34ae0967e329e9518e7265d5adcc01c2", "52b253cadf472bdb3d0fb38e09770099", "acc91431fe26811b5ecbc845620d8344"},
		{"SE050A2", "46a9c48c34efe344a522e66744f8996a", "1203ff61dfbc9c86196a2274aef4ed28", "f7561c6f48336119ee39439aab34098e"},
		{"SE050B1", "d499bc90dea542cf78d25e13d64cbb1f", "0815559643fb79eb8501a0dc833d901f", "be7ddfb406e81ae4e9665a9fed64267c"},
		{"SE050B2", "5fa43d8202d25e9a85b1fe7e2d26478d", "105cea2219f52bd167a07463c69379c3", "d7028157f2ad372c74be969bcc390627"},
		{"SE050C1", "852b5962e9cce5d0be746b833bcc6287", "db0aa319a408696c8e107ab4e3c26b47", "4c2f75c6a278a4aee5c9af7c50eea80c"},
		{"SE050C2", "bd1de20a81eab2bf3b709a9d69a31254", "9a761b8dba6bedf22741e45d8d4236f5", "9b993b600f1c64f5adc063192a96c947"},
		{"SE050-DEVKIT", "35c256458958a34f6136155f8209d6cd", "af177d5dbdf7c0d5c10a05b9f1607f78", "a1bc8438bf77935b361a4425fe79fa29"},
		{"SE051A2", "840a5d51795511c9cef0c96fd2cbf041", "646bc2b8c3a4d9c1fa8d7116be04fdfe", "03e6699aca9426d9c38922f8914ce5f7"},
		{"SE051C2", "88dbcd65820d2aa06ffab92aa8e79364", "a8644e2a04d9e9c8c0ea6086682999e5", "8a38723899881844e2c1513dacd9f80d"},
		{"SE050F2", "9188da8cf369cfa9a00891627b65345a", "cb20f809c7a03932bc203b0a01816c81", "278e619d83518e14c6f1e4fa968be51c"},
		{"SE051C-A8FA", "bfc2dbe1828e035d3e7fa36b902a05c6", "bef85bd7ba0497d628781ce47b188c96", "d873f316be297f2fc9c0e45f54710699"},
		{"SE051A-A920", "88ea9fa686f3cf2ffcaf4b1cba93e442", "4f163f59f07431f43ee2ee1834a52334", "d476cf47aa27b54ab3dbebe7656d6770"},
		{"SE050E-A921", "d2db63e7a0a5aed72a6460c4dfdcaf64", "738d5b798ed241b0b24768514bfba95b", "6702dac30942b2c85e7f47b42ced4e7f"},
		{"A5000-A736", "c9118500b5ffa1433a50226f489a0aa5", "29d2fe28f7feeb153068be381f61bc01", "6124d38402118060ed910360fc5a4278"},
		{"SE050F2-A92A", "b50e1f12b81fe53b6c3b5387912a1a5a", "71936959d37f2b22c5a0c34919a2bc1f", "869593239854dc0d869900500ca79c15"},
	}
}

// Each key that published.go knows by its SHA-256 is refused, shown by the key itself: those of the standards here, those of the
// recorded sessions in TestE3RecordedKeys.
func TestE3FactoryKeys(t *testing.T) {
	known := map[string]bool{}
	for _, set := range factorySets() {
		k := Keys{ENC: mdoctest.Hex(t, set[1]), MAC: mdoctest.Hex(t, set[2]), DEK: mdoctest.Hex(t, set[3]), Version: 0x30}
		for _, key := range [][]byte{k.ENC, k.MAC, k.DEK} {
			known[string(key)] = true
			if reason, weak := WeakKey(key); !weak || reason != "is published" {
				t.Errorf("%s: a key passes: %q", set[0], reason)
			}
		}
		if _, err := NewHost(k, nil); !errors.Is(err, ErrWeakKeys) {
			t.Errorf("%s: %v", set[0], err)
		}
	}
	for name, text := range map[string]string{
		"AES-128 of SP 800-38A, SP 800-38B and RFC 4493": "2b7e151628aed2a6abf7158809cf4f3c",
		"AES-192 of SP 800-38A and SP 800-38B":           "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
		"AES-256 of SP 800-38A and SP 800-38B":           "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
		"GEMXPRESSOSAMPLE":                               "47454d5850524553534f53414d504c45",
	} {
		key := mdoctest.Hex(t, text)
		known[string(key)] = true
		if reason, weak := WeakKey(key); !weak || reason != "is published" {
			t.Errorf("%s passes: %q", name, reason)
		}
	}
	t.Logf("E3: %d keys of factories and standards refused", len(known))
	if len(known) != 3*15+4 {
		t.Error("some keys are missing")
	}
}
