package tsm_test

import (
	"errors"
	"testing"

	"mobileid/mdoc/provisioning"
	"mobileid/tsm"
	"mobileid/tsm/store"
)

// The numbers of BSI TR-03165 for a job wherever it stands.
func TestOrderState(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		kind    provisioning.OrderKind
		change  func(*store.Job)
		service tsm.ServiceState
		err     tsm.ErrorType
	}{
		{"ordered", provisioning.OrderProvision, func(*store.Job) {}, tsm.NotDeployed, 0},
		{"attested", provisioning.OrderProvision, func(j *store.Job) { j.Cursor = store.Attested }, tsm.Installed, 0},
		{"sealed", provisioning.OrderProvision, func(j *store.Job) { j.Cursor = store.Sealed }, tsm.Personalized, 0},
		{"committed", provisioning.OrderProvision, func(j *store.Job) { j.Cursor, j.State = store.Committed, store.Done }, tsm.Operational, 0},
		{"expired before anything", provisioning.OrderProvision, func(j *store.Job) { j.State = store.Expired }, tsm.NotDeployed, tsm.ErrorInaccessible},
		{"expired half way", provisioning.OrderProvision, func(j *store.Job) { j.State, j.Cursor = store.Expired, store.Sealed }, tsm.InError, tsm.ErrorInaccessible},
		{"refused", provisioning.OrderProvision, func(j *store.Job) { j.State, j.Cursor = store.Refused, store.Attested }, tsm.InError, tsm.ErrorIssuer},
		{"parked", provisioning.OrderProvision, func(j *store.Job) { j.State, j.Reason = store.Parked, "failed_auth" }, tsm.NotDeployed, tsm.ErrorSecureComponent},
		{"overtaken", provisioning.OrderProvision, func(j *store.Job) { j.State = store.Cancelled }, tsm.NotDeployed, tsm.ErrorInterrupted},
		{"wiped", provisioning.OrderWipe, func(j *store.Job) { j.State, j.Cursor = store.Done, store.Cleared }, tsm.NotDeployed, 0},
		{"locked", provisioning.OrderLock, func(j *store.Job) { j.State, j.Cursor = store.Done, store.Applied }, tsm.Suspended, 0},
		{"unlocked", provisioning.OrderUnlock, func(j *store.Job) { j.State, j.Cursor = store.Done, store.Applied }, tsm.Operational, 0},
		{"nothing to lock", provisioning.OrderLock, func(j *store.Job) { j.Reason = "nothing_found" }, tsm.Operational, tsm.ErrorNotFound},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			order := w.order(tt.kind, 1)
			w.submitted(order)
			job := w.job(order)
			tt.change(&job)
			job, err := w.store.Advance(t.Context(), job)
			check(t, err)
			got, err := w.service.OrderState(t.Context(), job.OrderID)
			if err != nil || got.Service != tt.service || got.Error != tt.err || got.State != job.State.String() || got.Kind != job.Kind.String() {
				t.Errorf("%+v, %v; want %d and %d", got, err, tt.service, tt.err)
			}
		})
	}
	w := newWorld(t)
	if _, err := w.service.OrderState(t.Context(), "00"); !errors.Is(err, tsm.ErrUnknownOrder) {
		t.Errorf("err = %v, want ErrUnknownOrder", err)
	}
}
