-- When the provider was told that a checkout is over: Stripe's do not expire by themselves. Set where
-- the order has closed without money; the index finds those that are still to be told.
ALTER TABLE payments
    ADD COLUMN checkout_closed_at_ms BIGINT NULL,
    ADD KEY payments_unclosed (provider, state, checkout_closed_at_ms);
