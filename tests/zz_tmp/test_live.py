import os, time
import pytest
from tests.e2e.random_deals import history
from tests.e2e.random_world import Life
S=[int(x) for x in os.environ["SEEDS"].split(",")]; N=int(os.environ.get("N","10"))
@pytest.mark.parametrize("seed", S)
def test_live(world, make_tandem, seed):
    plan=history(seed,N); life=Life(plan,world,make_tandem(rounding_step=plan.rounding))
    t=time.time()
    try: life.live()
    except AssertionError:
        for told in life.told.values():
            pr=life.tandem.services.pipeline.quotes.promises
            print("LIVED",told.key,[(q.quote_id,q.frozen_at,q.signed_at) for q in pr.of_deal(told.key)])
        raise
    finally: print("LIVED",seed,len(life.told),sum(len(t.quotes) for t in life.told.values()),life.refused,life.invoices,round(time.time()-t,1))

@pytest.fixture(autouse=True)
def dump(request):
    yield
