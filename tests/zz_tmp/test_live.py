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
    finally: print("LIVED",seed,len(life.told),sum(len(t.quotes) for t in life.told.values()),life.refused,life.invoices,round(time.time()-t,1))
