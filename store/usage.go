package store

import "time"

// PutUsage records how much of a feature the portal uses.
func (tx *Tx) PutUsage(feature string, used int64) error {
	_, err := tx.exec(`
		INSERT INTO usage (portal_id, feature, used)
		VALUES ($1, $2, $3)
		ON CONFLICT (portal_id, feature) DO UPDATE
		   SET used = excluded.used`, tx.portal, feature, used)
	return err
}

// Usage returns how much of each feature a portal uses; what it never reported
// is not in it.
func (tx *Tx) Usage(portalID string) (map[string]int64, error) {
	all := map[string]int64{}
	err := tx.rows(`
		SELECT feature, used
		  FROM usage
		 WHERE portal_id = $1`, []any{portalID}, func(scan func(...any) error) error {
		var (
			feature string
			used    int64
		)
		err := scan(&feature, &used)
		all[feature] = used
		return err
	})
	return all, err
}

// PutServices replaces the set of wallet services that are switched on, by the
// ids of their plans, at a moment.
func (tx *Tx) PutServices(planIDs []int, at time.Time) error {
	if _, err := tx.exec(`
		UPDATE portal
		   SET services_at = $2
		 WHERE portal_id = $1`, tx.portal, micros(at)); err != nil {
		return err
	}
	if _, err := tx.exec(`
		DELETE FROM enabled_service
		 WHERE portal_id = $1`, tx.portal); err != nil {
		return err
	}
	for _, id := range planIDs {
		if _, err := tx.exec(`
			INSERT INTO enabled_service (portal_id, plan_id)
			VALUES ($1, $2)`, tx.portal, id); err != nil {
			return err
		}
	}
	return nil
}

// Services returns the ids of the wallet services that are switched on.
func (tx *Tx) Services(portalID string) ([]int, error) {
	var all []int
	err := tx.rows(`
		SELECT plan_id
		  FROM enabled_service
		 WHERE portal_id = $1
		 ORDER BY plan_id DESC`, []any{portalID}, func(scan func(...any) error) error {
		var id int
		err := scan(&id)
		all = append(all, id)
		return err
	})
	return all, err
}

// PutRestrictedModels replaces the set of AI models that the portal's people may not
// use.
func (tx *Tx) PutRestrictedModels(models []string) error {
	if _, err := tx.exec(`
		DELETE FROM restricted_model
		 WHERE portal_id = $1`, tx.portal); err != nil {
		return err
	}
	for _, model := range models {
		if _, err := tx.exec(`
			INSERT INTO restricted_model (portal_id, model)
			VALUES ($1, $2)`, tx.portal, model); err != nil {
			return err
		}
	}
	return nil
}

// RestrictedModels returns the AI models that a portal's people may not use, sorted.
func (tx *Tx) RestrictedModels(portalID string) ([]string, error) {
	var all []string
	err := tx.rows(`
		SELECT model
		  FROM restricted_model
		 WHERE portal_id = $1
		 ORDER BY model`, []any{portalID}, func(scan func(...any) error) error {
		var model string
		err := scan(&model)
		all = append(all, model)
		return err
	})
	return all, err
}
