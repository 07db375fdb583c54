"""A VAE for text: a recurrent encoder, and a recurrent decoder that reads what it has written."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from vae_course.data.text import END, PAD, START, UNKNOWN, padding_mask
from vae_course.elbo import GaussianPosterior
from vae_course.models.networks import keeps_config


class TextVAE(nn.Module):
    """A VAE for rows of tokens (Bowman et al. 2016, "Generating sentences from a continuous space").

    p(x|z) = Π_t p(x_t | x_<t, z), the END of a text being one of its tokens: a distribution over all texts of
    all lengths. The decoder sees the true tokens before each one ("teacher forcing"), and the code.

    Args:
        vocabulary_size: tokens of the tokenizer, the four special ones among them.
        latent_dim, hidden_dim, embedding_dim: of z, of both recurrent states, and of a token's vector.
        word_dropout: share of the tokens which the decoder reads as unknown during training, in [0, 1].
        uses_code: False gives the same decoder without a code, whose KL is 0 and whose "ELBO" is log p(x).
    """

    @keeps_config
    def __init__(
        self,
        vocabulary_size: int,
        latent_dim: int = 16,
        hidden_dim: int = 128,
        embedding_dim: int = 64,
        word_dropout: float = 0.0,
        uses_code: bool = True,
    ):
        super().__init__()
        self.latent_dim, self.word_dropout, self.uses_code = latent_dim, word_dropout, uses_code
        self.embedding = nn.Embedding(vocabulary_size, embedding_dim)
        self.encoder = nn.LSTM(embedding_dim, hidden_dim, batch_first=True)
        self.to_posterior = nn.Linear(2 * hidden_dim, 2 * latent_dim)
        self.first_state = nn.Linear(latent_dim, 2 * hidden_dim)
        self.code_input = nn.Linear(latent_dim, embedding_dim, bias=False)
        self.decoder = nn.LSTM(embedding_dim, hidden_dim, batch_first=True)
        self.to_logits = nn.Linear(hidden_dim, vocabulary_size)
        impossible = torch.zeros(vocabulary_size)
        impossible[[PAD, START]] = -torch.inf  # never written, so they get no probability
        self.register_buffer("impossible", impossible, persistent=False)
        # Seeds the dropped words. In the state, so that a resumed run drops the same ones.
        self.register_buffer("dropout_seed", torch.randint(2**31, ()))

    @classmethod
    def for_data(cls, data, **arguments) -> "TextVAE":
        """A new model for a TextData, the training part: its vocabulary and, at first, its frequencies."""
        model = cls(len(data.tokenizer), **arguments)
        counts = torch.bincount(data.tokens.flatten().cpu(), minlength=len(data.tokenizer)).double()
        counts[[PAD, START]] = 0
        with torch.no_grad():
            model.to_logits.bias.copy_(((counts + 1) / (counts + 1).sum()).log())
        return model

    def encode(self, x: Tensor) -> GaussianPosterior:
        """q(z|x) for tokens (batch, length): mean and log σ² of shape (batch, latent).

        The state after END and the mean of all states up to it are read off: padding has no influence.
        """
        if x.ndim != 2 or x.dtype != torch.int64:
            found = f"{x.dtype} of shape {tuple(x.shape)}"
            raise ValueError(f"a TextVAE takes tokens, int64 (batch, length), and was given {found}.")
        if not self.uses_code:
            nothing = self.impossible.new_zeros(len(x), self.latent_dim)
            return GaussianPosterior(nothing, nothing)
        states, _ = self.encoder(self.embedding(x))
        mask = padding_mask(x)
        length = mask.sum(1)
        last = states[torch.arange(len(x), device=x.device), length - 1]
        average = (states * mask[..., None]).sum(1) / length[:, None]
        return GaussianPosterior.from_network(self.to_posterior(torch.cat([last, average], dim=-1)))

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x|z) in nats of each text, its END included: x int64 (batch, length), z (..., batch, latent)
        → (..., batch). In training a share ``word_dropout`` of the tokens is hidden from the decoder's input.
        """
        return self.token_log_probs(x, z).sum(-1)

    def token_log_probs(self, x: Tensor, z: Tensor) -> Tensor:
        """log p(x_t | x_<t, z) in nats, (..., batch, length); 0 at padding. Arguments as above."""
        read = torch.cat([torch.full_like(x[:, :1], START), x[:, :-1]], dim=1)
        if self.training and self.word_dropout > 0:
            read = torch.where(self._dropped(read), UNKNOWN, read)
        codes = z.reshape(-1, self.latent_dim)
        copies = len(codes) // len(x)
        states, _ = self.decoder(self._input(read.repeat(copies, 1), codes), self._first(codes))
        # The vocabulary is the dear part, so padding never gets there.
        mask, truth = padding_mask(x).repeat(copies, 1), x.repeat(copies, 1)
        found = -F.cross_entropy(self._logits(states[mask]), truth[mask], reduction="none")
        everywhere = found.new_zeros(truth.shape).masked_scatter(mask, found)
        return everywhere.reshape(*z.shape[:-1], x.shape[1])

    @torch.no_grad()
    def write(self, z: Tensor, longest: int = 30, temperature: float = 0.0, generator=None) -> Tensor:
        """Texts for codes z (n, latent), token by token, each read back in: int64 (n, at most longest + 1).

        After ``longest`` tokens END is written at the latest. A ``temperature`` of 0 takes the most probable
        token each time (not the most probable text); 1 draws from p(x|z) with ``generator``.
        """
        state, token = self._first(z), torch.full((len(z), 1), START, device=z.device)
        written, open_ = [], torch.ones(len(z), dtype=torch.bool, device=z.device)
        for _ in range(longest):
            output, state = self.decoder(self._input(token, z), state)
            logits = self._logits(output[:, 0])
            logits[:, UNKNOWN] = -torch.inf
            if temperature == 0:
                token = logits.argmax(-1)
            else:
                token = torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator)[:, 0]
            written.append(torch.where(open_, token, PAD))
            open_ = open_ & (token != END)
            token = token[:, None]
            if not open_.any():
                break
        written.append(torch.where(open_, END, PAD))
        return torch.stack(written, dim=1)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """The greedy text at the posterior's mean: tokens (batch, length). A text, not an ELBO term."""
        return self.write(self.encode(x).mean, longest=2 * x.shape[1])

    def sample(self, n: int, generator=None, temperature: float = 1.0) -> Tensor:
        """Tokens of n new texts from z ~ N(0, I); with temperature 1 these are draws from the model."""
        z = torch.randn(n, self.latent_dim, generator=generator, device=self.impossible.device)
        return self.write(z, temperature=temperature, generator=generator)

    def _logits(self, states: Tensor) -> Tensor:
        return F.linear(states, self.to_logits.weight, self.to_logits.bias + self.impossible)

    def _first(self, z: Tensor) -> tuple[Tensor, Tensor]:
        z = z if self.uses_code else torch.zeros_like(z)
        output, cell = torch.tanh(self.first_state(z))[None].chunk(2, dim=-1)
        return output.contiguous(), cell.contiguous()

    def _input(self, tokens: Tensor, z: Tensor) -> Tensor:
        embedded = self.embedding(tokens)
        return embedded + self.code_input(z)[:, None] if self.uses_code else embedded

    def _dropped(self, read: Tensor) -> Tensor:
        """Which of the tokens read are hidden this time; START always stays."""
        generator = torch.Generator(read.device).manual_seed(int(self.dropout_seed))
        self.dropout_seed += 1
        chance = torch.rand(read.shape, generator=generator, device=read.device)
        return (chance < self.word_dropout) & (read != START)
