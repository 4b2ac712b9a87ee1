def test_one(world, tandem):
    world.at("2026-02-15")
    p = world.crm.product("Seat", currencies=["USD"], period="Year")
    a = world.crm.create("Account", Name="Acme", Billing_Email__c="ap@acme.example")
    q = world.crm.quote("Q1", a, "USD", [(p, 25, "588.00", {})], Start_Date__c="2026-03-01", Term_Months__c=12, Billing_Frequency__c="Annual")
    world.crm.accept(q)
    print(tandem.drain())
    print(world.crm.query(f"SELECT Billing_Status__c, Billing_Code__c, Billing_Message__c, Billing_Preview__c FROM Quote WHERE Id='{q}'"))
    for e in world.log():
        if e.by_tandem: print(e.method, e.path, e.status, e.effect)
    world.at("2026-03-01T02:00")
    m = world.mark()
    print(tandem.drain())
    for e in world.log(m):
        if e.by_tandem: print(e.method, e.path, e.status, e.effect)
    for o in ("Billing_Subscription__c","Billing_Invoice__c","Account"):
        print(world.crm.query(f"SELECT FIELDS(ALL) FROM {o} LIMIT 200"))
