// SPDX-FileCopyrightText: The WebSocket Gateway Authors
// SPDX-License-Identifier: Apache-2.0

package apply

import (
	"context"
	"fmt"

	cmv1 "github.com/cert-manager/cert-manager/pkg/apis/certmanager/v1"
	cmmetav1 "github.com/cert-manager/cert-manager/pkg/apis/meta/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// reissueReason is on the condition Issuing of a Certificate that is issued anew
// because somebody asked for it.
const reissueReason = "RotationRequested"

// Reissue has cert-manager issue a Certificate anew although its time has not come:
// it does so whenever the condition Issuing is True, whoever sets it. It answers
// false where it has to be tried again, because somebody else wrote at the same
// time. A Certificate that is gone needs nothing.
func (a *Applier) Reissue(ctx context.Context, key client.ObjectKey, why string) (bool, error) {
	var live cmv1.Certificate
	if err := a.Client.Get(ctx, key, &live); err != nil {
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		return false, fmt.Errorf("get Certificate %s: %w", key, err)
	}
	changed := live.DeepCopy()
	issuing := cmv1.CertificateCondition{
		Type: cmv1.CertificateConditionIssuing, Status: cmmetav1.ConditionTrue, Reason: reissueReason, Message: why,
		LastTransitionTime: new(metav1.NewTime(a.Now())), ObservedGeneration: live.Generation,
	}
	conditions := changed.Status.Conditions[:0]
	for _, condition := range changed.Status.Conditions {
		if condition.Type != cmv1.CertificateConditionIssuing {
			conditions = append(conditions, condition)
		}
	}
	changed.Status.Conditions = append(conditions, issuing)
	// The list is replaced as a whole: without the lock a condition that
	// cert-manager writes meanwhile would be lost.
	unchanged := client.MergeFromWithOptions(&live, client.MergeFromWithOptimisticLock{})
	err := a.Client.Status().Patch(ctx, changed, unchanged, client.FieldOwner(FieldOwner))
	switch {
	case err == nil, apierrors.IsNotFound(err):
		return true, nil
	case apierrors.IsConflict(err):
		return false, nil
	}
	return false, fmt.Errorf("patch the status of Certificate %s: %w", key, err)
}
