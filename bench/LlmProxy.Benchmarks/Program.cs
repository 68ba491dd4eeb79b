using System.CommandLine;
using BenchmarkDotNet.Running;
using LlmProxy.Benchmarks.Caching;
using LlmProxy.Benchmarks.Events;
using LlmProxy.Benchmarks.Load;
using LlmProxy.Benchmarks.Micro;
using LlmProxy.Benchmarks.SideBySide;

var rounds = new Option<int>("--rounds") { DefaultValueFactory = _ => 5, Description = "Rounds that are measured." };
var seconds = new Option<int>("--seconds") { DefaultValueFactory = _ => 3, Description = "Length of a workload." };
var tokens = new Option<int>("--tokens")
{
    DefaultValueFactory = _ => 1_000_000,
    Description = "Tokens in the database of the second llm-proxy; 0 leaves it out.",
};
var llmProxy = new Option<string>("--llm-proxy")
{
    DefaultValueFactory = _ => "bin/llm-proxy",
    Description = "The native executable.",
};
var before = new Option<string?>("--before")
{
    Description = "Another build of the executable, such as one of an earlier commit, as one more contestant.",
};
var yarp = new Option<string>("--yarp")
{
    DefaultValueFactory = _ => "artifacts/bench/yarp/YarpForwarder",
    Description = "The rival, published from bench/YarpForwarder.cs.",
};
var script = new Option<string>("--wrk-script")
{
    DefaultValueFactory = _ => "bench/wrk-post.lua",
    Description = "What wrk sends.",
};
var output = new Option<string?>("--output") { Description = "File that the report is written to as well." };

var compare = new Command("compare", "Measures llm-proxy beside nginx and YARP and prints a table.")
{
    rounds, seconds, tokens, llmProxy, before, yarp, script, output,
};
compare.SetAction((arguments, aborted) => Comparison.RunAsync(
    new Plan(
        Math.Max(1, arguments.GetValue(rounds)),
        Math.Max(1, arguments.GetValue(seconds)),
        arguments.GetValue(tokens),
        Path.GetFullPath(arguments.GetValue(llmProxy)!),
        arguments.GetValue(before) is { } path ? Path.GetFullPath(path) : null,
        Path.GetFullPath(arguments.GetValue(yarp)!),
        Path.GetFullPath(arguments.GetValue(script)!),
        arguments.GetValue(output)),
    aborted));

var count = new Option<int>("--tokens")
{
    DefaultValueFactory = _ => 100_000,
    Description = "Tokens that are created, and used once each.",
};
var filter = new Argument<string[]>("arguments")
{
    Description = "Passed to BenchmarkDotNet, such as --filter '*Gate*'.",
};
var micro = new Command("micro", "Runs the micro-benchmarks of the hot path.") { filter };
micro.TreatUnmatchedTokensAsErrors = false;
micro.SetAction(arguments =>
{
    string[] passed = [.. arguments.GetValue(filter) ?? [], .. arguments.UnmatchedTokens];
    BenchmarkSwitcher.FromAssembly(typeof(Comparison).Assembly)
        .Run(passed.Length == 0 ? ["--filter", "*"] : passed, MicroConfig.Create());
});

var memory = new Command("memory", "Measures what each live token adds to the memory that is resident.")
{
    count, llmProxy,
};
memory.SetAction((arguments, aborted) => TokenMemory.RunAsync(
    arguments.GetValue(count), Path.GetFullPath(arguments.GetValue(llmProxy)!), aborted));

var answers = new Option<int>("--answers")
{
    DefaultValueFactory = _ => 1_000_000,
    Description = "Distinct answers that are put into the cache.",
};
var cacheMemory = new Command("cache-memory", "Measures what the cache adds to the memory that is resident.")
{
    answers,
};
cacheMemory.SetAction((arguments, aborted) => CacheMemory.RunAsync(arguments.GetValue(answers), aborted));

var limit = new Option<int>("--limit") { DefaultValueFactory = _ => 64, Description = "MiB." };
var bodyBytes = new Option<int>("--body-bytes") { DefaultValueFactory = _ => 4_096, Description = "Of the longest." };
var perSecond = new Option<double>("--per-second")
{
    DefaultValueFactory = _ => double.PositiveInfinity,
    Description = "How many answers at most.",
};
var cacheFill = new Command("cache-fill", "Fills a cache in this process; started by cache-memory.")
{
    limit, answers, bodyBytes, perSecond,
};
cacheFill.SetAction((arguments, _) => CacheFill.RunAsync(
    arguments.GetValue(limit), arguments.GetValue(answers), arguments.GetValue(bodyBytes),
    arguments.GetValue(perSecond)));

var eventsPerSecond = new Option<int>("--per-second")
{
    DefaultValueFactory = _ => 20_000,
    Description = "Events a second, the first time.",
};
var eventSeconds = new Option<int>("--seconds") { DefaultValueFactory = _ => 15, Description = "How long." };
var events = new Command("events", "Measures events on their way through Redis to a dispatcher.")
{
    eventsPerSecond, eventSeconds,
};
events.SetAction((arguments, aborted) => EventFlow.RunAsync(
    arguments.GetValue(eventsPerSecond), arguments.GetValue(eventSeconds), aborted));

var port = new Argument<int>("port") { Description = "Port on loopback." };
var upstream = new Command("stream-upstream", "Answers with paced events; started by compare.") { port };
upstream.SetAction((arguments, aborted) => StreamUpstream.RunAsync(arguments.GetValue(port), aborted));

return await new RootCommand("Measures llm-proxy.") { cacheFill, cacheMemory, compare, events, memory, micro, upstream }
    .Parse(args).InvokeAsync();
