"""The kernel over the Jupyter protocol; run by kernel.slow.test.ts with JUPYTER_PATH at the project's root."""

import time
import unittest
from queue import Empty

import jupyter_kernel_test
from jupyter_client.manager import start_new_kernel

KERNEL = "3ncore"
TIMEOUT = 30


class ProtocolTests(jupyter_kernel_test.KernelTests):
    """Jupyter's own suite."""

    kernel_name = KERNEL
    language_name = "typescript"
    file_extension = ".ts"
    code_hello_world = 'console.log("hello, world")'
    code_stderr = 'console.error("oops")'
    completion_samples = [{"text": "Math.sqr", "matches": {"sqrt", "SQRT2", "SQRT1_2"}}]
    complete_code_samples = ["const a = 1", "function f() {}", "1 + 1"]
    incomplete_code_samples = ["function f() {", "const a = ("]
    code_generate_error = 'throw new Error("no")'
    code_execute_result = [{"code": "6 * 7", "result": "42"}, {"code": '"a"', "result": "'a'"}]
    code_display_data = [
        {"code": 'import { display } from "tslab"; display.html("<b>x</b>")', "mime": "text/html"}
    ]
    code_history_pattern = "6 * *"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "Math.sqrt"


class Session(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.km, cls.kc = start_new_kernel(kernel_name=KERNEL, startup_timeout=TIMEOUT)

    @classmethod
    def tearDownClass(cls):
        cls.kc.stop_channels()
        cls.km.shutdown_kernel(now=True)

    def send(self, code, **options):
        return self.kc.execute(code, **options)

    def reply(self, request):
        while True:
            message = self.kc.get_shell_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") == request:
                return message["content"]

    def outputs(self, request):
        """What a request published, until it was idle."""
        found = []
        while True:
            message = self.kc.get_iopub_msg(timeout=TIMEOUT)
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["content"].get("execution_state") == "idle":
                return found
            found.append((message["msg_type"], message["content"]))

    def run_cell(self, code, **options):
        request = self.send(code, **options)
        return self.reply(request), self.outputs(request)

    def wait_for_text(self, text):
        while True:
            content = self.kc.get_iopub_msg(timeout=TIMEOUT)["content"]
            if text in content.get("text", ""):
                return

    def stdout(self, outputs):
        return "".join(content["text"] for kind, content in outputs if kind == "stream")


class CellTests(Session):
    def test_error_has_name_message_and_a_trace_of_the_cell_alone(self):
        reply, outputs = self.run_cell("function f() { throw new RangeError('no'); }\nf();")
        self.assertEqual((reply["ename"], reply["evalue"]), ("RangeError", "no"))
        trace = "\n".join(dict(outputs)["error"]["traceback"])
        self.assertIn("RangeError: no", trace)
        self.assertIn("at f (cell", trace)
        self.assertNotIn("tslab", trace)

    def test_rejected_await_and_thrown_text(self):
        self.assertEqual(self.run_cell("await Promise.reject(new TypeError('late'))")[0]["ename"], "TypeError")
        reply, _ = self.run_cell("throw 'plain'")
        self.assertEqual((reply["ename"], reply["evalue"]), ("Thrown", "'plain'"))

    def test_causes_are_told(self):
        reply, _ = self.run_cell("throw new Error('outer', { cause: new Error('inner') })")
        self.assertIn("Error: inner", "\n".join(reply["traceback"]))

    def test_bad_input_is_one_sentence(self):
        reply, _ = self.run_cell("class B extends Error { name = 'BadInput' }\nthrow new B('file.csv: row 3')")
        self.assertEqual(reply["traceback"], ["BadInput: file.csv: row 3"])

    def test_cells_are_checked_strictly(self):
        for code in ("function f(x) { return x }", "const s: string = null", "[1].find((x) => x > 1).toFixed()"):
            reply, _ = self.run_cell(code)
            self.assertEqual(reply["status"], "error", code)
            self.assertEqual(reply["ename"], "TypeScriptError")
        reply, _ = self.run_cell("const ok = 1;\nconst wrong: string = ok;")
        self.assertEqual(reply["traceback"][1:], ["  const wrong: string = ok;", "        ^"])

    def test_state_lives_on_and_declarations_may_be_repeated(self):
        self.run_cell("let x = 1; const c = 2;")
        self.run_cell("x += 1; const c = 3;")
        _, outputs = self.run_cell("[x, c]")
        self.assertEqual(dict(outputs)["execute_result"]["data"]["text/plain"], "[ 2, 3 ]")

    def test_undefined_gives_no_result(self):
        _, outputs = self.run_cell("void 0")
        self.assertNotIn("execute_result", dict(outputs))

    def test_no_output_is_lost(self):
        _, outputs = self.run_cell("for (let i = 0; i < 20000; i++) console.log(i)")
        self.assertEqual(self.stdout(outputs).split(), [str(i) for i in range(20000)])

    def test_more_displays_than_one_turn_sends(self):
        reply, outputs = self.run_cell('import { display } from "tslab";\nfor (let i = 0; i < 2000; i++) display.text(`${i}`);')
        self.assertEqual(reply["status"], "ok")
        shown = [content["data"]["text/plain"] for kind, content in outputs if kind == "display_data"]
        self.assertEqual(shown, [str(i) for i in range(2000)])

    def test_a_written_stream_calls_back(self):
        reply, outputs = self.run_cell("await new Promise<void>((done) => process.stdout.write('w', () => done()))")
        self.assertEqual((reply["status"], self.stdout(outputs)), ("ok", "w"))

    def test_silent_cells_show_nothing_and_do_not_count(self):
        before, _ = self.run_cell("1")
        reply, outputs = self.run_cell("console.log('quiet'); 5", silent=True)
        self.assertEqual(reply["status"], "ok")
        self.assertEqual([kind for kind, _ in outputs if kind != "status"], [])
        after, _ = self.run_cell("2")
        self.assertEqual(after["execution_count"], before["execution_count"] + 1)


class QueueTests(Session):
    def test_cells_sent_with_a_failed_one_are_aborted_later_ones_run(self):
        failing = self.send("await new Promise((r) => setTimeout(r, 200)); throw new Error('stop')")
        queued = [self.send("1"), self.send("2")]
        self.assertEqual(self.reply(failing)["status"], "error")
        self.assertEqual([self.reply(request)["status"] for request in queued], ["aborted", "aborted"])
        self.assertEqual(self.run_cell("3")[0]["status"], "ok")

    def test_stop_on_error_false_goes_on(self):
        failing = self.send("throw new Error('go on')", stop_on_error=False)
        queued = self.send("1")
        self.assertEqual(self.reply(failing)["status"], "error")
        self.assertEqual(self.reply(queued)["status"], "ok")


class InterruptTests(Session):
    """SIGINT comes once the cell prints: in the last moments of a cell's compilation or synchronous part Node can lose it."""

    def interrupted(self, code):
        """Request, reply, and the seconds it took after the interrupt."""
        request = self.send(code)
        self.wait_for_text("begun")
        start = time.monotonic()
        self.km.interrupt_kernel()
        return request, self.reply(request), time.monotonic() - start

    def test_a_long_await_stops(self):
        _, reply, seconds = self.interrupted(
            "const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));\n"
            "await sleep(100); console.log('begun'); await sleep(60_000);"
        )
        self.assertEqual((reply["status"], reply["ename"]), ("error", "Interrupted"))
        self.assertLess(seconds, 10)
        self.assertEqual(self.run_cell("1 + 1")[0]["status"], "ok")

    def test_an_endless_loop_stops(self):
        _, reply, seconds = self.interrupted("console.log('begun'); for (;;) {}")
        self.assertEqual((reply["status"], reply["ename"]), ("error", "Interrupted"))
        self.assertLess(seconds, 10)

    def test_work_that_listens_finishes_in_its_own_way(self):
        """Its listener is added in the synchronous part of the cell, and by a package."""
        code = """
        process.on('SIGINT', () => console.log('heard'));
        import { abortOnInterrupt, yieldToEvents } from 'gemma-3ncore/host/abort';
        const { signal, release } = abortOnInterrupt();
        const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));
        try {
          await sleep(100);
          console.log('begun');
          for (;;) await yieldToEvents(signal);
        } finally {
          await sleep(500);
          console.log('saved');
          release();
        }"""
        request, reply, _ = self.interrupted(code)
        self.assertEqual((reply["ename"], reply["evalue"]), ("Interrupted", "interrupted"))
        text = self.stdout(self.outputs(request))
        self.assertIn("heard", text)
        self.assertIn("saved", text)


class CommSession(Session):
    def comm(self, kind, content):
        message = self.kc.session.msg(kind, content)
        self.kc.shell_channel.send(message)
        return message["header"]["msg_id"]


class CommWithoutLibraryTests(CommSession):
    def test_comms_are_refused(self):
        request = self.comm("comm_open", {"comm_id": "a", "target_name": "jupyter.widget.control", "data": {}})
        self.assertIn(("comm_close", {"comm_id": "a", "data": {}}), self.outputs(request))


class WidgetTests(CommSession):
    def test_a_slider_moves_while_a_cell_waits(self):
        request = self.send(
            "import { intSlider } from 'gemma-3ncore/jupyter/widgets';\n"
            "const slider = intSlider({ value: 1, min: 0, max: 9 }); slider.display();\n"
            "await new Promise<void>((done) => slider.observe(() => done()));\nslider.value"
        )
        model = None
        while model is None:
            content = self.kc.get_iopub_msg(timeout=TIMEOUT)["content"]
            view = content.get("data", {}).get("application/vnd.jupyter.widget-view+json")
            model = view and view["model_id"]
        self.comm("comm_msg", {"comm_id": model, "data": {"method": "update", "state": {"value": 5}}})
        self.assertEqual(self.reply(request)["status"], "ok")
        self.assertEqual(dict(self.outputs(request))["execute_result"]["data"]["text/plain"], "5")
        info = self.kc.comm_info(target_name="jupyter.widget")
        self.assertIn(model, self.reply(info)["comms"])


class LifeTests(unittest.TestCase):
    def test_shutdown_does_not_wait_for_open_timers(self):
        km, kc = start_new_kernel(kernel_name=KERNEL, startup_timeout=TIMEOUT)
        kc.execute("setInterval(() => {}, 1000)", reply=True, timeout=TIMEOUT)
        start = time.monotonic()
        kc.shutdown(reply=True, timeout=TIMEOUT)
        while km.is_alive() and time.monotonic() - start < TIMEOUT:
            time.sleep(0.05)
        seconds = time.monotonic() - start
        kc.stop_channels()
        km.shutdown_kernel(now=True)
        self.assertLess(seconds, 10)


if __name__ == "__main__":
    unittest.main(verbosity=2)
