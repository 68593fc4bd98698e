from concurrent.futures import ThreadPoolExecutor

from offchain.storage.client.progress import Counter, silent


def test_counter__work_done__is_told_from_nothing_to_all():
    told = []
    counter = Counter(lambda *each: told.append(each), "upload", 30)
    for count in (10, 0, 20):
        counter.add(count)
    assert told == [("upload", 0, 30), ("upload", 10, 30), ("upload", 10, 30), ("upload", 30, 30)]


def test_counter__many_threads__lose_nothing_and_never_go_back():
    told = []
    counter = Counter(lambda _, done, __: told.append(done), "download", 1000)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(counter.add, [1] * 1000))
    assert told == list(range(1001))


def test_silent__anything__tells_nobody():
    assert silent("hash", 1, 2) is None
