using LlmProxy.Providers;
using LlmProxy.Settings;
using Xunit;

namespace LlmProxy.Tests.Providers;

public sealed class ShippedProvidersTests
{
    private readonly ProviderTable _table = ProviderOptions.Read(new SettingsReader(
        new Dictionary<string, string?>(StringComparer.Ordinal),
        new Dictionary<string, string>(StringComparer.Ordinal),
        [])).Table!;

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/chat/completions/chatcmpl-1/messages")]
    [InlineData("/v1/completions")]
    [InlineData("/v1/responses")]
    [InlineData("/v1/responses/resp_1/input_items")]
    [InlineData("/v1/conversations/conv_1/items")]
    [InlineData("/v1/embeddings")]
    [InlineData("/v1/moderations")]
    [InlineData("/v1/models")]
    [InlineData("/v1/models/ft:gpt-4o-mini:org::id")]
    [InlineData("/v1/images/generations")]
    [InlineData("/v1/audio/transcriptions")]
    [InlineData("/v1/videos/video_1/content")]
    [InlineData("/v1/realtime?model=gpt-realtime")]
    [InlineData("/v1/realtime/calls/rtc_1/accept")]
    [InlineData("/v1/live/sessions")]
    [InlineData("/v1/files/file-1/content")]
    [InlineData("/v1/uploads/upload_1/parts")]
    [InlineData("/v1/batches/batch_1/cancel")]
    [InlineData("/v1/vector_stores/vs_1/file_batches/vsfb_1/files")]
    [InlineData("/v1/fine_tuning/jobs/ftjob-1/checkpoints")]
    [InlineData("/v1/evals/eval_1/runs/run_1/output_items")]
    [InlineData("/v1/assistants/asst_1")]
    [InlineData("/v1/threads/thread_1/runs/run_1/steps")]
    [InlineData("/v1/agents/sessions/s_1/turns")]
    [InlineData("/v1/chatkit/sessions")]
    [InlineData("/v1/containers/cntr_1/files")]
    [InlineData("/v1/skills/skill_1/versions")]
    [InlineData("/openai/v1/chat/completions")]
    [InlineData("/anthropic/v1/messages")]
    [InlineData("/anthropic/v1/messages/count_tokens?beta=true")]
    [InlineData("/anthropic/v1/messages/batches/msgbatch_1/results")]
    public void An_endpoint_of_today_is_served(string raw)
    {
        Assert.Equal(true, _table.Find(Given.Target(raw))?.EndpointIsAllowed);
    }

    [Theory]
    [InlineData("/v1/organization/admin_api_keys")]
    [InlineData("/v1/organization/users")]
    [InlineData("/v1/dashboard/billing/usage")]
    [InlineData("/anthropic/v1/organizations/api_keys")]
    public void Administration_of_an_account_is_not(string raw)
    {
        Assert.NotEqual(true, _table.Find(Given.Target(raw))?.EndpointIsAllowed);
    }

    [Fact]
    public void Openai_gives_reasoning_models_their_time()
    {
        var timeouts = _table.Default.Timeouts;

        Assert.Equal((300, 600), (timeouts.ResponseHeader.TotalSeconds, timeouts.Request.TotalSeconds));
    }

    [Fact]
    public void Anthropic_takes_its_key_in_a_header_of_its_own()
    {
        var auth = _table.All.Single(static provider => provider.Name == "anthropic").Auth;

        Assert.Equal((false, "x-api-key"), (auth.IsBearer, auth.HeaderName));
    }

    [Theory]
    [InlineData("/v1/models", true)]
    [InlineData("/v1/models/gpt-5", true)]
    [InlineData("/v1/batches/batch_1", false)]
    [InlineData("/v1/files", false)]
    public void Of_what_says_nothing_only_models_are_cached_and_no_post(string endpoint, bool isCached)
    {
        Assert.All(_table.All, provider =>
        {
            Assert.Equal(isCached, provider.Cache.DefaultTtlEndpoints.Contains(endpoint));
            Assert.Empty(provider.Cache.PostRules);
        });
    }
}
