using System.Globalization;
using LlmProxy.EndToEnd.Fixtures;

namespace LlmProxy.EndToEnd.Caching;

/// <summary>What one project has asked for is nobody else's, and needs a token that may have it.</summary>
public sealed class IsolationTests(ProxyBeforeRawUpstream rig) : IClassFixture<ProxyBeforeRawUpstream>
{
    // Everything that a client can say to make a cache keep what it gets.
    public static TheoryData<string> Wishes =>
    [
        "", "public", "public, max-age=3600", "max-age=3600", "s-maxage=3600", "max-stale", "max-stale=3600",
        "min-fresh=0", "immutable", "only-if-cached, max-age=3600", "stale-if-error=3600", "no-transform",
        "public, s-maxage=3600, max-age=3600, max-stale=3600, stale-if-error=3600",
    ];

    [Theory]
    [MemberData(nameof(Wishes))]
    public async Task No_project_is_served_what_another_one_has_asked_for(string wish)
    {
        var other = await rig.Proxy.Management.CreateTokenAsync();
        string[] lines = wish.Length == 0 ? [] : [$"Cache-Control: {wish}"];
        string[] declarations = ["public, max-age=3600", "s-maxage=3600", "max-age=3600, stale-if-error=3600"];
        foreach (var declared in declarations)
        {
            var (gets, posts) = (CountingRoute(declared), CountingRoute(declared));
            var mine = await rig.GetAsync(
                gets.Path, lines.Where(static line => !line.Contains("only-if", StringComparison.Ordinal)));
            await rig.PostAsync(posts.Path, "{}", lines);
            var theirs = await rig.Proxy.GetAsync(gets.Path, other.Secret, lines);
            var theirPost = await rig.Proxy.PostAsync(posts.Path, other.Secret, "{}", lines);

            Assert.Equal("secret of call 1", mine.Body.Text);
            Assert.DoesNotContain("secret of call 1", theirs.Body.Text, StringComparison.Ordinal);
            Assert.DoesNotContain("secret of call 1", theirPost.Body.Text, StringComparison.Ordinal);
            Assert.False(theirs.Head.Value("X-PROXY-CACHE") is "hit");
            Assert.False(theirPost.Head.Value("X-PROXY-CACHE") is "hit");
        }
    }

    [Fact]
    public async Task No_published_operation_is_answered_with_what_another_project_was_told()
    {
        var mine = await rig.Proxy.Management.CreateTokenAsync();
        var other = await rig.Proxy.Management.CreateTokenAsync();
        var operations = (await PublishedOperation.AllAsync())
            .Where(static one => !one.IsUpgrade && one.Method is "GET" or "POST"
                && one.Path.StartsWith("/v1/", StringComparison.Ordinal))
            .DistinctBy(static one => (one.Method, one.PathAtProvider.Split('?')[0])).ToList();
        foreach (var operation in operations)
        {
            var answers = 0;
            rig.Upstream.DoesAt(operation.PathAtProvider.Split('?')[0], exchange => exchange.AnswerAsync(
                200, System.Text.Encoding.ASCII.GetBytes($"secret of call {Interlocked.Increment(ref answers)}"),
                "Cache-Control: public, max-age=3600, s-maxage=3600"));

            await rig.Proxy.AskAsync(Asking(operation, mine.Secret));
            var again = await rig.Proxy.AskAsync(Asking(operation, mine.Secret));
            var theirs = await rig.Proxy.AskAsync(Asking(operation, other.Secret));

            Assert.Equal(("secret of call 1", "hit"), (again!.Body.Text, again.Head.Value("X-PROXY-CACHE")));
            Assert.Equal(("secret of call 2", "miss"), (theirs!.Body.Text, theirs.Head.Value("X-PROXY-CACHE")));
        }

        Assert.InRange(operations.Count, 50, int.MaxValue);

        string Asking(PublishedOperation operation, string secret)
        {
            var body = operation.Method == "POST" ? operation.Body ?? "{}" : null;
            string[] lines = [.. operation.Lines, "Cache-Control: max-age=3600"];
            return (operation with { Body = body, Lines = lines }).Request(rig.Proxy, secret);
        }
    }

    [Fact]
    public async Task Tokens_of_one_project_share_what_is_stored()
    {
        var sibling = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId);
        var route = rig.Upstream.Does(Fresh);
        await rig.GetAsync(route.Path);

        Assert.Equal("hit", (await rig.Proxy.GetAsync(route.Path, sibling.Secret)).Head.Value("X-PROXY-CACHE"));
    }

    [Fact]
    public async Task A_hit_costs_no_allowance()
    {
        var token = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId, maxRequests: 1);
        var route = rig.Upstream.Does(Fresh);

        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(200, (await rig.Proxy.GetAsync(route.Path, token.Secret)).Status);
        }

        Assert.Single(route.Requests);
        await Eventually.AnswersAsync(
            () => rig.Proxy.Management.RequestCountAsync(token), static count => count == 1, "one request");
    }

    [Fact]
    public async Task A_revoked_token_gets_no_hit_and_neither_does_one_that_may_not_go_there()
    {
        var revoked = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId);
        var barred = await rig.Proxy.Management.CreateTokenAsync(
            rig.Token.ProjectId, new TokenLimits { AllowedEndpoints = ["/v1/elsewhere"] });
        var route = rig.Upstream.Does(Fresh);
        await rig.Proxy.GetAsync(route.Path, revoked.Secret);
        await rig.Proxy.Management.RevokeAsync(revoked);

        Assert.Equal(401, (await rig.Proxy.GetAsync(route.Path, revoked.Secret)).Status);
        Assert.Equal(403, (await rig.Proxy.GetAsync(route.Path, barred.Secret)).Status);
    }

    [Fact]
    public async Task A_token_that_is_barred_from_the_cache_is_neither_served_from_it_nor_adds_to_it()
    {
        var barred = await rig.Proxy.Management.CreateTokenAsync(rig.Token.ProjectId);
        await rig.Proxy.Management.ChangeTokenAsync(barred, """{"use_cache":false}""");
        var route = rig.Upstream.Does(Fresh);

        var first = await rig.Proxy.GetAsync(route.Path, barred.Secret);
        Assert.Equal("bypass", first.Head.Value("X-PROXY-CACHE"));
        Assert.Equal("miss", (await rig.GetAsync(route.Path)).Head.Value("X-PROXY-CACHE"));
        Assert.Equal("bypass", (await rig.Proxy.GetAsync(route.Path, barred.Secret)).Head.Value("X-PROXY-CACHE"));
        Assert.Equal(3, route.Requests.Count);
    }

    [Fact]
    public async Task No_header_that_is_not_part_of_the_key_changes_what_others_get()
    {
        for (var i = 0; i < 200; i++)
        {
            // An upstream that repeats what it is sent says so with Vary, or not at all.
            var route = rig.Upstream.Does(exchange => exchange.AnswerAsync(
                200, System.Text.Encoding.Latin1.GetBytes("clean"), "Cache-Control: max-age=60"));
            var name = i < Suspects.Length
                ? Suspects[i]
                : string.Create(CultureInfo.InvariantCulture, $"X-Unkeyed-{i}");

            await rig.GetAsync(route.Path, $"{name}: evil.example");
            var clean = await rig.GetAsync(route.Path);

            Assert.Equal("clean", clean.Body.Text);
            Assert.DoesNotContain("evil", clean.Head.Text, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Nobody_can_tell_by_the_time_it_takes_whether_another_project_has_asked()
    {
        var other = await rig.Proxy.Management.CreateTokenAsync();
        var asked = new List<double>();
        var unasked = new List<double>();
        for (var i = 0; i < 400; i++)
        {
            var route = rig.Upstream.Does(Fresh);
            if (i % 2 == 0)
            {
                await rig.GetAsync(route.Path);
            }

            var started = System.Diagnostics.Stopwatch.GetTimestamp();
            await rig.Proxy.GetAsync(route.Path, other.Secret);
            (i % 2 == 0 ? asked : unasked).Add(System.Diagnostics.Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        // A hit saves the whole call, so a leak would move all of one sample below the other.
        Assert.InRange(KolmogorovSmirnov(asked, unasked), 0, 0.3);
    }

    // What is known to be put into pages, redirects and links by servers behind caches.
    private static readonly string[] Suspects =
    [
        "X-Forwarded-Host", "X-Forwarded-Scheme", "X-Forwarded-Proto", "X-Forwarded-For", "X-Forwarded-Port",
        "X-Forwarded-Prefix", "X-Forwarded-Server", "X-Host", "X-Original-URL", "X-Rewrite-URL", "X-Original-Host",
        "Forwarded", "True-Client-IP", "X-Real-IP", "X-Client-IP", "CF-Connecting-IP", "Fastly-Client-IP", "Via",
        "Origin", "Referer", "User-Agent", "Cookie", "X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override",
        "X-Wap-Profile", "X-Amz-Website-Redirect-Location", "Max-Forwards", "X-Body-Hash", "From", "TE",
        "Accept-Language", "X-Cache-Key", "Surrogate-Capability", "X-Accel-Redirect", "Destination", "Proxy",
    ];

    private UpstreamRoute CountingRoute(string declared)
    {
        var answers = 0;
        return rig.Upstream.Does(exchange => exchange.AnswerAsync(
            200, System.Text.Encoding.ASCII.GetBytes($"secret of call {Interlocked.Increment(ref answers)}"),
            $"Cache-Control: {declared}", "ETag: \"v\""));
    }

    private static Task Fresh(UpstreamExchange exchange) =>
        exchange.AnswerAsync(200, "x"u8.ToArray(), "Cache-Control: max-age=60");

    private static double KolmogorovSmirnov(List<double> one, List<double> other)
    {
        double Share(List<double> sample, double value) => sample.Count(each => each <= value) / (double)sample.Count;
        return one.Concat(other).Max(value => Math.Abs(Share(one, value) - Share(other, value)));
    }
}
